"""Marks for a final that has none: from pauses, particles and question words (pure).

The rules are data: `lexicon/marks.toml`. It adds marks and never takes one away or moves one, and needs
nothing but the final's own word times, so no final waits for it. Where the recogniser wrote marks itself,
only the last one is added if it is missing.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from asr.audio import SAMPLE_RATE
from asr.edits import Edit
from asr.transcript import Word
from asr.wordscore import word_scorer


@dataclass(frozen=True, slots=True)
class Marks:
    """The rules of `lexicon/marks.toml`."""

    question_last: tuple[str, ...]
    question: re.Pattern[str]
    not_question: re.Pattern[str]
    clause_first: tuple[str, ...]
    never_after: tuple[str, ...]
    never_before: tuple[str, ...]
    comma: str
    stop: str
    ask: str
    closing: str
    comma_samples: int
    stop_samples: int
    clause: int
    sentence: int


@cache
def marks() -> Marks:
    """The rules, read once."""
    data = tomllib.loads((files("asr") / "lexicon" / "marks.toml").read_text(encoding="utf-8"))
    return Marks(
        question_last=tuple(data["question_last"]),
        question=_any(data["question"]),
        not_question=_any(data["not_question"]),
        clause_first=tuple(data["clause_first"]),
        never_after=tuple(data["never_after"]),
        never_before=tuple(data["never_before"]),
        comma=data["comma"],
        stop=data["stop"],
        ask=data["ask"],
        closing=data["closing"],
        comma_samples=data["comma_ms"] * SAMPLE_RATE // 1000,
        stop_samples=data["stop_ms"] * SAMPLE_RATE // 1000,
        clause=data["clause"],
        sentence=data["sentence"],
    )


def _any(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))


def pauses_of(raw: str, words: Sequence[Word]) -> dict[int, int]:
    """Samples of silence after each raw character that has a later word, from the words' times."""
    found: dict[int, int] = {}
    at, before = 0, None
    for word in words:
        said = word.text.strip()
        place = raw.find(said, at) if said else -1
        if place < 0:
            continue
        if before is not None and at > 0 and word.start > before:
            found[at - 1] = word.start - before
        at, before = place + len(said), word.end
    return found


def find_marks(text: str, pauses: dict[int, int]) -> list[Edit]:
    """The edits, in order, that put a mark behind a character; `pauses`: samples after some characters."""
    rules = marks()
    if not any("\u4e00" <= char <= "\u9fff" for char in text):
        return []
    marked = any(char in rules.closing for char in text[:-1])
    cuts = {} if marked else _cuts(text, pauses, rules)
    last = len(text) - 1
    if text[last] not in rules.closing:
        begun = max((text.rfind(char, 0, last) for char in (rules.stop, rules.ask)), default=-1)
        begun = max([begun, *(at for at, mark in cuts.items() if mark != rules.comma)])
        cuts[last] = _end(text[begun + 1 :], rules)
    return [Edit(at, at + 1, text[at] + mark) for at, mark in sorted(cuts.items())]


def _cuts(text: str, pauses: dict[int, int], rules: Marks) -> dict[int, str]:
    """Marks inside the text, by the character they stand behind."""
    cuts: dict[int, str] = {}
    sentence = clause = 0
    for at in range(len(text) - 1):
        pause = pauses.get(at, 0)
        if not _may(text, at, pause, rules):
            continue
        said, rest = at + 1 - clause, len(text) - at - 1
        if pause >= rules.stop_samples and at + 1 - sentence >= rules.sentence and rest > 2:
            cuts[at] = _end(text[sentence : at + 1], rules)
            sentence = clause = at + 1
        elif (pause >= rules.comma_samples and said > 1 and rest > 1) or _turns(text, at, said, rest, rules):
            cuts[at] = rules.comma
            clause = at + 1
    return cuts


def _may(text: str, at: int, pause: int, rules: Marks) -> bool:
    """Whether a mark may stand behind this character at all."""
    after = text[at + 1 :]
    if text.endswith(rules.never_after, 0, at + 1) and pause < rules.stop_samples:
        return False
    if after.startswith(rules.never_before) or not (text[at].isalnum() and after[0].isalnum()):
        return False
    if text[at].isascii() and after[0].isascii():
        return False
    return pause >= rules.stop_samples or text[at : at + 2] not in word_scorer().costs


def _turns(text: str, at: int, said: int, rest: int, rules: Marks) -> bool:
    """Whether the words themselves begin a clause here, both sides being long enough."""
    return said >= rules.clause and rest >= rules.clause // 2 and text.startswith(rules.clause_first, at + 1)


def _end(sentence: str, rules: Marks) -> str:
    """The mark that ends this sentence."""
    clause = re.split(f"[{re.escape(rules.comma)}]", sentence)[-1]
    if clause.endswith(rules.question_last) or rules.question.search(rules.not_question.sub("", sentence)):
        return rules.stop if rules.not_question.search(clause[-10:]) else rules.ask
    return rules.stop
