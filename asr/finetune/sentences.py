"""Hotline sentences by grammar: as many as are wanted, none twice, the same for the same seed (pure)."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import Final

from asr.finetune.grammar import FOLDER, Grammar, Template, load

SHORTEST: Final = 2
LONGEST: Final = 45
"""Characters of a sentence, marks of pauses left out."""
PATIENCE: Final = 40
"""Tries after which a template is thought to be said out."""
MARKS: Final = str.maketrans("", "", "，？。")


def generate(count: int, seed: int, topics: frozenset[str] | None = None) -> list[str]:
    """`count` different sentences, the topics in turn; fewer only when the grammar has no more to say."""
    return list(islice(sentences(seed, topics), count))


def sentences(seed: int, topics: frozenset[str] | None = None) -> Iterator[str]:
    """Different sentences of the packaged grammar until it is said out. Raises what `load` raises."""
    yield from spoken(packaged(), seed, topics)


@cache
def packaged() -> Grammar:
    """The grammar beside this module, read once. Raises `GrammarError`, `OSError`."""
    return load(FOLDER)


def spoken(grammar: Grammar, seed: int, topics: frozenset[str] | None = None) -> Iterator[str]:
    """Different sentences of any grammar.

    Topics take turns, and templates within a topic; a topic that is said out leaves the round. Two sentences
    that differ only in pauses count as one. `topics` limits the round; an unknown one raises `ValueError`.
    """
    unknown = (topics or frozenset()) - grammar.topics.keys()
    if unknown:
        raise ValueError(f"no such topics: {', '.join(sorted(unknown))}")
    random = Random(seed)  # noqa: S311  no secret
    said: set[str] = set()
    round_: list[list[Template]] = []
    for topic in sorted(topics or grammar.topics):
        templates = list(grammar.topics[topic])
        random.shuffle(templates)
        round_.append(templates)
    while round_:
        for templates in list(round_):
            sentence = _next(grammar, templates, said, random)
            if sentence is None:
                round_.remove(templates)
            else:
                yield sentence


def _next(grammar: Grammar, templates: list[Template], said: set[str], random: Random) -> str | None:
    """A sentence that was not said yet; the template goes to the queue's end, or away when it is said out."""
    while templates:
        template = templates.pop(0)
        for _ in range(PATIENCE):
            sentence = grammar.say(template, random)
            bare = sentence.translate(MARKS)
            if SHORTEST <= len(bare) <= LONGEST and bare not in said:
                said.add(bare)
                templates.append(template)
                return sentence
    return None
