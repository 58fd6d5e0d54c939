"""Sentences by grammar: the same for a seed, none twice, nothing unsayable, mistakes named by line."""

import re
from collections import Counter
from itertools import islice

import pytest

from asr.finetune.grammar import GrammarError, parse
from asr.finetune.sentences import LONGEST, SHORTEST, generate, packaged, sentences, spoken

pytestmark = pytest.mark.unit


def test_the_same_seed_says_the_same_and_another_seed_something_else() -> None:
    assert generate(500, 7) == generate(500, 7)
    assert set(generate(500, 7)) != set(generate(500, 8))


def test_fewer_sentences_are_the_beginning_of_more() -> None:
    assert generate(2000, 3)[:700] == generate(700, 3)


def test_twenty_thousand_differ_even_without_pauses() -> None:
    bare = [re.sub("[，？。]", "", each) for each in generate(20_000, 1)]
    assert len(bare) == len(set(bare)) == 20_000


def test_all_is_sayable_and_of_a_sentences_length() -> None:
    for sentence in generate(20_000, 2):
        assert re.fullmatch("[\u3400-\u9fff，？。]+", sentence)
        assert SHORTEST <= len(re.sub("[，？。]", "", sentence)) <= LONGEST
        assert not sentence.startswith(("，", "？", "。"))
        assert "，，" not in sentence


def test_every_template_can_be_said_within_the_lengths() -> None:
    grammar = packaged()
    for topic, templates in grammar.topics.items():
        for template in templates:
            alone = type(grammar)(grammar.slots, {topic: (template,)})
            assert next(spoken(alone, 1), None), template.where


def test_every_slot_is_used() -> None:
    grammar = packaged()
    written = repr(grammar.topics) + repr(grammar.slots)
    assert [slot for slot in grammar.slots if f"Slot(name='{slot}')" not in written] == []


def test_there_are_enough_templates_and_topics_take_turns() -> None:
    topics = packaged().topics
    assert sum(map(len, topics.values())) >= 300
    first = list(islice(sentences(5), len(topics)))
    assert len(first) == len(topics)
    only = generate(50, 5, frozenset({"agent"}))
    assert len(only) == 50
    assert all(not set(each) & set("啥莫咋") for each in only)


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        generate(1, 1, frozenset({"nonsense"}))


def test_a_grammar_that_is_said_out_ends() -> None:
    grammar = parse({"a.tsv": ">\t(一|二|三)(四|五)[六]"})
    said = list(spoken(grammar, 1))
    assert len(said) == len(set(said)) == 12


def test_an_optional_part_is_said_half_the_time() -> None:
    grammar = parse({"a.tsv": ">\t{d}{d}{d}{d}[(好|要得|对)]\nd\t一|二|三|四|五|六|七|八|九"})
    lengths = Counter(len(each) > 4 for each in islice(spoken(grammar, 1), 2000))
    assert 0.45 < lengths[True] / 2000 < 0.55


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (">\t好\n>\t{gone}", "a.tsv:2", "gone"),
        ("# x\n\n>\t(好|不好", "a.tsv:3", "missing"),
        (">\t[好)", "a.tsv:1", "missing"),
        (">\t好)", "a.tsv:1", "closes nothing"),
        (">\t{Bad}", "a.tsv:1", "no slot's name"),
        (">\t好{", "a.tsv:1", "no slot's name"),
        (">\t3块", "a.tsv:1", "'3' cannot be said"),
        (">\t好!", "a.tsv:1", "'!' cannot be said"),
        ("好", "a.tsv:1", "nothing after the name"),
        ("Name\t好", "a.tsv:1", "'Name'"),
        ("one\t{two}\ntwo\t好{one}", "a.tsv:2", "needs itself: one → two → one"),
    ],
)
def test_mistakes_name_file_and_line(text: str, where: str, what: str) -> None:
    with pytest.raises(GrammarError) as error:
        parse({"a.tsv": text})
    assert str(error.value).startswith(where + ": ")
    assert what in str(error.value)
