"""Recognised text → standard written wording, with a map back to every raw character (pure, never raises).

In order: widths and spaces, traditional to simplified characters, Sichuan words to standard ones by
`lexicon/sichuan.tsv`, numerals to digits. The raw text itself is never changed: it is evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from asr.numerals import Edit, find_days, find_numbers, rows_of
from asr.transcript import SpanMap


@dataclass(frozen=True, slots=True)
class Normalized:
    """Standard wording and where it came from."""

    text: str
    spans: SpanMap
    """From `text` back to the raw text."""


def normalize(raw: str) -> Normalized:
    """Standard wording of a recogniser's text. Deterministic; never raises; empty for empty."""
    tracked = _Tracked(raw)
    tracked.apply(_widths(tracked.text))
    tracked.apply(_simplified(tracked.text))
    tracked.apply(sichuan().find(tracked.text))
    tracked.apply(find_numbers(tracked.text))
    tracked.apply(find_days(tracked.text))
    return Normalized(tracked.text, tracked.spans())


class _Tracked:
    """A text whose every character remembers the range of raw characters it came from."""

    def __init__(self, raw: str) -> None:
        self.text = raw
        self._origins = [(at, at + 1) for at in range(len(raw))]

    def apply(self, edits: Iterable[Edit]) -> None:
        """Make edits that are in order and do not overlap."""
        text, origins, at = [], [], 0
        for start, end, new in edits:
            if self.text[start:end] == new:
                continue
            text.append(self.text[at:start] + new)
            origins += self._origins[at:start]
            if start < end:
                origins += [(self._origins[start][0], self._origins[end - 1][1])] * len(new)
            at = end
        if text:
            self.text = "".join(text) + self.text[at:]
            self._origins = origins + self._origins[at:]

    def spans(self) -> SpanMap:
        """The map: neighbours copied one to one make one run, every replacement a run of its own."""
        runs: list[tuple[int, int, int, int]] = []
        at = 0
        while at < len(self._origins):
            left, right = self._origins[at]
            end = at + 1
            while end < len(self._origins) and self._origins[end] == (left, right):
                end += 1
            runs.append((at, end, left, right))
            at = end
        return SpanMap(tuple(_merged(runs)))


def _merged(runs: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    merged: list[tuple[int, int, int, int]] = []
    growing = False
    for run in runs:
        single = run[1] - run[0] == 1 == run[3] - run[2]
        if single and growing and merged[-1][3] == run[2]:
            merged[-1] = (merged[-1][0], run[1], merged[-1][2], run[3])
        else:
            merged.append(run)
        growing = single
    return merged


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
def _converter() -> _Converter:
    from opencc import OpenCC

    converter: _Converter = OpenCC("t2s")
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
        if new != old and _is_chinese(old)
    ]


def _one(char: str) -> str:
    new = _converter().convert(char) if _is_chinese(char) else char
    return new if len(new) == 1 else char


# -- dialect words ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Dialect words and their standard wording, matched longest first from the left.

    An entry that stands for itself guards an ordinary word in which a dialect word happens to occur.
    """

    words: dict[str, str]
    by_first: dict[str, tuple[str, ...]]
    """Words by first character, longest first."""

    def find(self, text: str) -> list[Edit]:
        """The edits that put standard words for dialect ones."""
        edits, at = [], 0
        while at < len(text):
            word = next((w for w in self.by_first.get(text[at], ()) if text.startswith(w, at)), None)
            if word is None:
                at += 1
                continue
            edits.append(Edit(at, at + len(word), self.words[word]))
            at += len(word)
        return edits


@cache
def sichuan() -> Lexicon:
    """The Sichuan lexicon, read once."""
    words = {row[0]: row[1] for row in rows_of("sichuan.tsv")}
    by_first: dict[str, list[str]] = {}
    for word in sorted(words, key=len, reverse=True):
        by_first.setdefault(word[0], []).append(word)
    return Lexicon(words, {first: tuple(ws) for first, ws in by_first.items()})
