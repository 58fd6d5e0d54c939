"""Recognised text → standard written wording, with a map back to every raw character (pure, never raises).

In order: widths and spaces, traditional to simplified characters, terms that were misheard, Sichuan words to
standard ones, numerals to digits and what is written with them. The raw text itself is never changed: it is
evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from asr.dialect import sichuan
from asr.edits import Change, Edit, Tracked
from asr.numerals import find_days, find_numbers
from asr.punctuate import find_marks, pauses_of
from asr.repair import find_misheard
from asr.transcript import SpanMap, Word
from asr.written import find_money, find_written


@dataclass(frozen=True, slots=True)
class Normalized:
    """Standard wording and where it came from."""

    text: str
    spans: SpanMap
    """From `text` back to the raw text."""
    changes: tuple[Change, ...] = ()
    """Every edit in the order made: what was put for what, and by which step."""


def normalize(raw: str, words: Sequence[Word] | None = None) -> Normalized:
    """Standard wording of a recogniser's text. Deterministic; never raises; empty for empty.

    `words` are given for finals: marks are added from the pauses between them and from the wording (an empty
    sequence: from the wording alone). A partial gets no marks of ours, for they would move as it grows.
    """
    tracked = Tracked(raw)
    tracked.apply("width", _widths(tracked.text))
    tracked.apply("script", _simplified(tracked.text))
    tracked.apply("repair", find_misheard(tracked.text))
    tracked.apply("dialect", sichuan().find(tracked.text))
    tracked.apply("written", find_written(tracked.text))
    tracked.apply("number", find_numbers(tracked.text))
    tracked.apply("number", find_days(tracked.text))
    tracked.apply("written", find_money(tracked.text))
    if words is not None:
        tracked.apply("mark", find_marks(tracked.text, tracked.placed(pauses_of(raw, words))))
    return Normalized(tracked.text, tracked.spans(), tuple(tracked.changes))


def warm() -> None:
    """Read every table (a quarter of a second), so that the first caller does not wait for it."""
    normalize("\u4e00\u4e07\u4e94\u8cc7\u91d1\u4e07\u4e8b", ())


# -- characters -------------------------------------------------------------------------------------------

_FULL_WIDTH = {",": "\uff0c", "?": "\uff1f", "!": "\uff01", ";": "\uff1b", ":": "\uff1a"}


def _widths(text: str) -> list[Edit]:
    """Half-width letters and digits, Chinese marks beside Chinese characters, no spaces inside Chinese."""
    edits = []
    for at, char in enumerate(text):
        before, after = text[at - 1 : at] if at else "", text[at + 1 :].lstrip()[:1]
        new = char
        if "\uff01" <= char <= "\uff5e" and chr(ord(char) - 0xFEE0).isalnum():
            new = chr(ord(char) - 0xFEE0)
        elif char in _FULL_WIDTH and (_is_chinese(before) or _is_chinese(after)):
            new = _FULL_WIDTH[char]
        elif char.isspace():
            new = _space(text[:at].rstrip()[-1:], text[at:].lstrip()[:1], before)
        if new != char:
            edits.append(Edit(at, at + 1, new))
    return edits


def _space(left: str, right: str, before: str) -> str:
    """One space between Latin words, none elsewhere (recognisers put them between digits and characters)."""
    if before.isspace() or not left or not right:
        return ""
    latin = left.isascii() and right.isascii()
    return " " if latin and not (left.isdigit() and right.isdigit()) else ""


def _is_chinese(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _converter(direction: str = "t2s") -> _Converter:
    from opencc import OpenCC

    converter: _Converter = OpenCC(direction)
    return converter


def _simplified(text: str) -> list[Edit]:
    if not any(map(_is_chinese, text)):
        return []
    # lone surrogates are no text the converter could take
    plain = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    simple = _converter().convert(plain)
    if len(simple) != len(text):
        simple = "".join(_one(char) for char in plain)
    return [
        Edit(at, at + 1, new)
        for at, (new, old) in enumerate(zip(simple, plain, strict=True))
        if new != old and _is_chinese(old) and not _stays(old)
    ]


@cache
def _stays(char: str) -> bool:
    """A simplified character that is also a rare traditional one: "bad" must not become "unfired brick"."""
    return _converter("s2t").convert(char) != char


def _one(char: str) -> str:
    new = _converter().convert(char) if _is_chinese(char) else char
    return new if len(new) == 1 else char
