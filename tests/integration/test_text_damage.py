"""Standard wording is left alone: how many Mandarin legal questions the lexicon and the repair change."""

import csv
from pathlib import Path

import pytest

from asr.dialect import sichuan
from asr.repair import find_misheard

pytestmark = pytest.mark.integration

QUESTIONS = Path(__file__).parents[2].parent / "shared" / "data" / "legal" / "train.tsv"


@pytest.fixture(scope="module")
def questions() -> list[str]:
    if not QUESTIONS.exists():
        pytest.skip("the optional evaluation data is not there")
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file, delimiter="\t")]


def test_dialect_words_seldom_occur_in_mandarin_questions(questions: list[str]) -> None:
    lexicon = sichuan()
    changed = sum(bool(lexicon.find(text) and _changes(text)) for text in questions)
    assert changed / len(questions) < 0.03  # read by hand: 0.15 % wrong, the rest is dialect or a synonym


def _changes(text: str) -> bool:
    return any(text[edit.start : edit.end] != edit.text for edit in sichuan().find(text))


def test_repair_seldom_changes_a_clean_question(questions: list[str]) -> None:
    changed = sum(bool(find_misheard(text)) for text in questions)
    assert changed / len(questions) < 0.01  # nearly all of them the askers' own slips
