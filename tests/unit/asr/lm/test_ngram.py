"""The language model: probabilities that sum to one, as the textbook says, finite for any text."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.finetune.sentences import generate
from asr.lm.ngram import NOMINAL, PACKAGED, BadLanguageModel, NgramModel, Order, packaged
from asr.lm.protocol import Scorer
from asr.lm.train import Recipe, train

pytestmark = pytest.mark.unit

TEXTS = [
    *["老板欠我的工资", "老板不给我工资", "老板跑路了", "我要离婚", "我要告他", "我要我的工资", "他欠我的钱"],
    *[
        "我晓得了",
        "我不晓得",
        "他晓得了",
        "我要工资",
        "老板",
        "他不给",
        "他跑了",
        "要得",
        "我的钱",
        "他要离婚",
    ],
]


def all_of_a_context(model: NgramModel, before: str) -> float:
    """What all characters and the end have together after some text; unknown ones share a rest."""
    at = len(before)
    said = math.fsum(math.exp(model.logs(before + char)[at]) for char in model.vocabulary)
    unseen = NOMINAL - len(model.vocabulary) - 1
    return said + math.exp(model.logs(before)[at]) + unseen * math.exp(model.logs(before + "龘")[at])


@pytest.mark.parametrize(
    "recipe", [Recipe(1), Recipe(2), Recipe(4), Recipe(4, 1.5), Recipe(5, 100.0), Recipe(3, 0, 3)]
)
@pytest.mark.parametrize("before", ["", "老", "老板", "老板欠我", "我要", "晓得", "龘", "我龘要", "工资"])
def test_every_context_sums_to_one(recipe: Recipe, before: str) -> None:
    assert all_of_a_context(train(TEXTS, recipe), before) == pytest.approx(1.0, abs=1e-5)


def by_the_book(texts: list[str], context: str, char: str) -> float:
    """Interpolated Kneser-Ney of order 2 with the fallback discounts, counted with dictionaries."""
    pairs = Counter(pair for text in texts for pair in zip("<" + text, text + ">", strict=True))
    after, before = defaultdict[str, list[int]](list), Counter[str]()
    for (left, right), count in pairs.items():
        after[left].append(count)
        before[right] += 1

    def given_away(counts: list[int]) -> float:
        return sum((0.5, 0.75, 1.0)[min(count, 3) - 1] for count in counts)

    def rest(count: int) -> float:
        return count - given_away([count]) if count else 0.0

    total = sum(before.values())
    lower = (rest(before[char]) + given_away(list(before.values())) / NOMINAL) / total
    return (rest(pairs[context, char]) + given_away(after[context]) * lower) / sum(after[context])


def test_probabilities_are_those_of_the_book() -> None:
    texts = ["一二", "一二", "一二", "一二", "三二", "三二", "三二", "三二", "三一二", "一三二"] * 4
    model = train(texts, Recipe(2))
    codes = "一二三"
    for before in codes:
        for char in codes:
            wanted = math.log(by_the_book(texts, before, char))
            assert model.logs(before + char)[1] == pytest.approx(wanted, abs=1e-5), before + char
    assert model.logs("一")[0] == pytest.approx(math.log(by_the_book(texts, "<", "一")), abs=1e-5)
    assert model.logs("二")[1] == pytest.approx(math.log(by_the_book(texts, "二", ">")), abs=1e-5)


def test_what_was_learned_is_likelier_than_what_was_not() -> None:
    model: Scorer = train(TEXTS, Recipe(4))
    assert model.score("老板欠我的工资") > model.score("老板欠我的工子")
    assert model.score("我晓得") > model.score("我笑得")
    assert model.score("老板欠") > model.score("板老欠")


def test_pruning_takes_much_of_the_size_and_little_of_the_foresight() -> None:
    said = generate(2_500, 1)
    whole, pruned = train(said[:2_000], Recipe(4)), train(said[:2_000], Recipe(4, 2.0))
    sizes = [(len(a.keys), len(b.keys)) for a, b in zip(whole.orders, pruned.orders, strict=True)]
    assert sizes[0][0] == sizes[0][1]
    assert sizes[3][1] < sizes[3][0] / 2
    assert pruned.fit(said[2_000:]).perplexity < 1.25 * whole.fit(said[2_000:]).perplexity


def test_the_same_texts_make_the_same_model() -> None:
    one, two = train(TEXTS, Recipe(4, 1.0)), train(TEXTS, Recipe(4, 1.0))
    for left, right in zip(one.orders, two.orders, strict=True):
        assert np.array_equal(left.keys, right.keys)
        assert np.array_equal(left.logs, right.logs)
        assert np.array_equal(left.backoffs, right.backoffs)


def test_scores_of_several_texts_are_those_of_each() -> None:
    model = train(TEXTS, Recipe(4))
    some = ["老板", "", "我龘", "欠我3500块", "，", *TEXTS]
    assert model.score_many(some) == pytest.approx([model.score(each) for each in some])
    assert model.score_many([]) == []
    assert model.score("老板") == pytest.approx(model.logs("老板").sum())


@settings(deadline=None)  # the first example loads tables
@given(st.text())
def test_any_text_has_a_finite_score(text: str) -> None:
    score = packaged().score(text)
    assert math.isfinite(score)
    assert score <= 0.0


def test_a_fit_counts_ends_and_unknown_characters() -> None:
    model = train(TEXTS, Recipe(3))
    fit = model.fit(["老板", "龘"], batch=1)
    assert (fit.characters, fit.unknown) == (5, 1)
    assert fit.nats == pytest.approx(-model.score("老板") - model.score("龘"))
    assert model.fit([]).perplexity == 1.0


@pytest.mark.parametrize("texts", [[], ["", "，。"]])
def test_nothing_teaches_nothing(texts: list[str]) -> None:
    with pytest.raises(BadLanguageModel):
        train(texts, Recipe())


def test_tables_that_do_not_fit_are_refused() -> None:
    one = Order(np.arange(3), np.zeros(3, np.float32), np.zeros(3, np.float32))
    assert NgramModel("一", [one]).score("一") == 0.0
    with pytest.raises(BadLanguageModel):
        NgramModel("一二", [one])
    with pytest.raises(BadLanguageModel):
        NgramModel("一", [])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("老板欠我三千块工资", "老板欠我三千块公子"),
        ("我晓得了谢谢你", "我笑得了谢谢你"),
        ("我要申请劳动仲裁", "我要申请老动中材"),
        ("包工头跑路了", "包工头跑入了"),
        ("他不还钱", "他不黄钱"),
        ("娃儿的抚养费咋个算", "娃儿的扶阳会咋个算"),
        ("征地补偿款没发", "真地补偿款没发"),
    ],
)
def test_the_packaged_model_prefers_what_callers_say(right: str, wrong: str) -> None:
    assert packaged().score(right) > packaged().score(wrong)


def test_the_packaged_model_is_small() -> None:
    assert PACKAGED.stat().st_size <= 10_000_000
