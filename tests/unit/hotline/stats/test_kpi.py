"""Definitions: complete, in words too, and docs/kpi.md says the same; figures round as published ones."""

from decimal import Decimal
from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.stats.figures import change, change_text, figure, share, text
from hotline.stats.kpi.model import How, Unit
from hotline.stats.kpi.registry import KPIS, USUAL, chosen, measures, name_of, words
from hotline.stats.kpi_document import document
from hotline.stats.sql_text import sql_of

pytestmark = pytest.mark.unit

DOCS = Path(__file__).parents[4] / "docs"


def test_the_page_of_definitions_is_up_to_date() -> None:
    assert (DOCS / "kpi.md").read_text(encoding="utf-8") == document(), "run scripts/write_kpi_docs.py"


@pytest.mark.parametrize("key", list(KPIS))
def test_every_figure_is_explained_and_can_be_opened(key: str) -> None:
    kpi, said = KPIS[key], name_of(key)
    assert said["name"]
    assert said["formula"]
    assert kpi.english
    assert kpi.family in words()["families"]
    assert not kpi.source or words()["sources"][kpi.source]
    assert kpi.lists, "something of it is a count of rows"
    for measure in kpi.parts.values():
        assert name_of(measure.key, "measures")
        assert measure.english
        assert sql_of(measure)
        assert (measure.value is None) is (measure.how is How.COUNT)


def test_one_key_is_one_measure() -> None:
    by_key: dict[str, str] = {}
    for kpi in KPIS.values():
        for measure in kpi.parts.values():
            assert by_key.setdefault(measure.key, sql_of(measure)) == sql_of(measure), measure.key
    assert len(by_key) == len(measures(KPIS.values()))


def test_no_words_are_left_over() -> None:
    keys = set(KPIS) | {f"{key.rpartition('_')[0]}_T" for key in KPIS}
    assert set(words()["kpis"]) <= keys
    names = set(measures(KPIS.values()))
    names |= {f"{key.rpartition('_')[0]}_T" for key in names} | {"abandoned"}
    assert set(words()["measures"]) <= names


def test_only_known_figures_can_be_chosen() -> None:
    assert [kpi.key for kpi in chosen(())] == list(USUAL)
    assert [kpi.key for kpi in chosen(["asa", "calls", "asa"])] == ["asa", "calls"]
    with pytest.raises(ConfigError):
        chosen(["asa", "nonsense"])


@pytest.mark.parametrize(
    ("key", "top", "bottom", "shown"),
    [
        ("answer_rate", 110_441, 114_939, "96.09%"),
        ("answer_rate", 15_395, 15_875, "96.98%"),
        ("answer_rate", 1, 800, "0.13%"),
        ("answer_rate", 0, 0, "—"),
        ("asa", 12_250, 100, "0.1 秒"),
        ("asa", 1_250, 1, "1.3 秒"),
        ("mean_mark", 9, 2, "4.50 分"),
    ],
)
def test_figures_are_rounded_half_up(key: str, top: int, bottom: int, shown: str) -> None:
    kpi = KPIS[key]
    assert kpi.denominator is not None
    sums = {kpi.numerator.key: top, kpi.denominator.key: bottom}
    assert text(kpi, figure(kpi, sums).value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"), [(1_546, 51_927, "2.98"), (163, 204, "79.90"), (2, 3, "66.67")]
)
def test_published_shares(part: int, whole: int, shown: str) -> None:
    assert str(share(part, whole)) == shown


def test_a_count_is_grouped_for_reading() -> None:
    assert text(KPIS["calls"], Decimal(51_927)) == "51,927"


def test_changes() -> None:
    calls, rate = KPIS["calls"], KPIS["answer_rate"]
    assert change_text(calls, change(calls, Decimal(3), Decimal(2))) == "+50.00%"
    assert change_text(calls, change(calls, Decimal(1), Decimal(3))) == "-66.67%"
    assert change_text(calls, change(calls, Decimal(3), Decimal(0))) == "—"
    assert change_text(calls, change(calls, None, Decimal(3))) == "—"
    assert change_text(rate, change(rate, Decimal("96.09"), Decimal("95.00"))) == "+1.09 个百分点"
    assert change_text(rate, change(rate, Decimal("96.09"), None)) == "—"
    assert rate.unit is Unit.PERCENT
