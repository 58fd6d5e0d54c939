"""Finds which Sichuan county or prefecture a text speaks of (pure)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.syllables import Key
from hotline.errors import ConfigError
from hotline.intent.found import Found
from hotline.intent.phonetic import keys
from hotline.intent.wording import PlaceWording

FILE = "places.tsv"
KINDS = ("prefecture", "county", "township")

_KIND_OF_TOWNSHIP = re.compile("(?:\u8857\u9053|\u9547|\u4e61|\u8857\u9053\u529e\u4e8b\u5904)$")
"""Town, township, street."""
_NEXT = 10
"""A county named within so many characters after its prefecture belongs to it."""


@dataclass(frozen=True, slots=True)
class Division:
    """A prefecture or county."""

    kind: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    kind: str
    codes: tuple[str, ...]
    alone: bool
    """Enough without its prefecture beside it."""


@dataclass(frozen=True, slots=True)
class _Mention:
    name: _Name
    start: int
    end: int


class Places:
    """Every division by each of its names."""

    def __init__(self, rows: Sequence[tuple[str, str, str, str, str]]) -> None:
        self.divisions = {
            code: Division(kind, code, name) for kind, code, name, *_ in rows if kind != KINDS[2]
        }
        codes: dict[tuple[str, str], set[str]] = {}
        alone: dict[tuple[str, str], bool] = {}
        for kind, code, full, strong, weak in rows:
            for name in (full, *filter(None, strong.split(","))):
                codes.setdefault((name, kind), set()).add(code)
                alone.setdefault((name, kind), True)
            for name in filter(None, weak.split(",")):
                codes.setdefault((name, kind), set()).add(code)
                alone[name, kind] = False
            if kind == KINDS[2] and (bare := _bare(full)):
                codes.setdefault((bare, kind), set()).add(code)
                alone.setdefault((bare, kind), False)
        names = [
            _Name(name, kind, tuple(sorted(owners)), alone[name, kind] and len(owners) == 1)
            for (name, kind), owners in codes.items()
        ]
        names.sort(key=lambda name: (-len(name.text), KINDS.index(name.kind)))
        self._by_start: dict[str, list[_Name]] = {}
        for each in names:
            self._by_start.setdefault(each.text[:2], []).append(each)
        self._sounds: dict[Key, list[_Name]] = {}
        for each in names:
            if each.kind == "county":
                self._sounds.setdefault(keys(each.text), []).append(each)

    @classmethod
    def load(cls, path: Path) -> "Places":
        """The divisions in a TSV file. Raises `ConfigError` with every wrong line."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: {type(error).__name__}"]) from error
        rows, problems = [], []
        for number, line in enumerate(lines, 1):
            if not line or line.startswith("#"):
                continue
            fields = line.split("\t")
            if (
                len(fields) != 5
                or fields[0] not in KINDS
                or not (len(fields[1]) == 6 and fields[1].isdigit())
            ):
                problems.append(f"{path}:{number}: not kind, six-digit code, name and two lists of names")
                continue
            rows.append((fields[0], fields[1], fields[2], fields[3], fields[4]))
        if not rows:
            problems.append(f"{path}: names no place")
        if problems:
            raise ConfigError(problems)
        return cls(rows)

    def full_name(self, code: str) -> str:
        """Prefecture and county, as on a form; empty for a code that is none."""
        division = self.divisions.get(code)
        if division is None:
            return ""
        above = self.divisions.get(code[:4] + "00")
        return division.name if above is None or above == division else above.name + division.name

    def find(self, text: str, sounds: Sequence[str], wording: PlaceWording) -> Found | None:
        """The most specific place spoken of; `sounds` are the text's phonetic keys."""
        mentions = list(self._mentions(text))
        prefectures = [m for m in mentions if m.name.kind == "prefecture"]
        scored = [
            (score, -mention.start, code, mention)
            for mention in mentions
            for code in mention.name.codes
            if (score := self._score(text, mention, code, mentions, wording)) is not None
        ]
        counties = [each for each in scored if each[3].name.kind != "prefecture"]
        if counties:
            score, _, code, mention = max(counties, key=lambda each: each[:3])
            return self._found(code, mention, prefectures, mentions, min(0.95, 0.55 + score / 10))
        heard = self._heard(text, sounds, prefectures)
        if heard is not None:
            return heard
        if scored:
            score, _, code, mention = max(scored, key=lambda each: each[:3])
            return Found(
                code, self.full_name(code), min(0.9, 0.6 + score / 10), ((mention.start, mention.end),)
            )
        return None

    def _mentions(self, text: str) -> Iterator[_Mention]:
        at = 0
        while at < len(text):
            names = [n for n in self._by_start.get(text[at : at + 2], ()) if text.startswith(n.text, at)]
            if not names:
                at += 1
                continue
            longest = len(names[0].text)
            for name in names:
                # one word may name a prefecture, a county and townships alike
                if len(name.text) == longest:
                    yield _Mention(name, at, at + longest)
            at += longest
            if longest > 1 and text[at - 1 : at + 1] in self._by_start:
                # "Leshan Shi" swallows the first character of "Shizhong Qu": a city's seat may begin there
                at -= 1

    def _score(
        self, text: str, mention: _Mention, code: str, mentions: list[_Mention], wording: PlaceWording
    ) -> float | None:
        """How well a mention stands for a division; None when it may be no place at all."""
        above = code[:4] + "00"
        others = [m for m in mentions if m is not mention]
        agreeing = [m for m in others if m.name.kind == "prefecture" and above in m.name.codes]
        beside = any(0 <= mention.start - m.end <= _NEXT for m in agreeing)
        below = mention.name.kind == "township"
        same = below and any(
            m.name.kind == "county" and code in m.name.codes and m.start != mention.start for m in others
        )
        told = mention.name.alone or beside or same or bool(agreeing and len(mention.name.text) > 2)
        if not told and not self._is_spoken_of(text, mention, wording):
            return None
        score = 3.0 if beside else 2.0 if agreeing else 1.5
        score -= 0.8 * below
        before, after = text[max(0, mention.start - 8) : mention.start], text[mention.end : mention.end + 1]
        for m in agreeing:
            before = text[max(0, m.start - 8) : m.start] if 0 <= mention.start - m.end <= 1 else before
        if wording.home.search(before):
            score -= 1.0
        elif wording.here.search(before):
            score += 0.8
        return score - 0.8 * bool(wording.people_of.match(after))

    @staticmethod
    def _is_spoken_of(text: str, mention: _Mention, wording: PlaceWording) -> bool:
        """Whether the words around a name, which may be an everyday word too, show that it is the place."""
        before = text[max(0, mention.start - 8) : mention.start]
        return (
            mention.name.kind != "prefecture"
            and len(mention.name.codes) == 1
            and wording.beside.search(before) is not None
            and wording.after.match(text[mention.end :]) is not None
        )

    def _found(
        self,
        code: str,
        mention: _Mention,
        prefectures: list[_Mention],
        mentions: list[_Mention],
        confidence: float,
    ) -> Found:
        display, start, end = self.full_name(code), mention.start, mention.end
        for town in mentions:
            if town.name.kind == "township" and code in town.name.codes and 0 <= town.start - end <= 2:
                display, end = display + town.name.text, town.end
                break
        if mention.name.kind == "township":
            display += mention.name.text
            confidence -= 0.1
        for above in prefectures:
            if code[:4] + "00" in above.name.codes and 0 <= start - above.end <= 2:
                start = above.start
                break
        return Found(code, display, confidence, ((start, end),))

    def _heard(self, text: str, sounds: Sequence[str], prefectures: list[_Mention]) -> Found | None:
        """A county that the text sounds like: right after its prefecture, or by its full name anywhere."""
        for length in (5, 4, 3, 2):
            for at in range(len(text) - length + 1):
                for name in self._sounds.get(tuple(sounds[at : at + length]), ()):
                    above = [
                        m
                        for m in prefectures
                        if any(code[:4] + "00" in m.name.codes for code in name.codes)
                        and 0 <= at - m.end <= 2
                    ]
                    code = next(
                        (c for c in name.codes if above and c[:4] + "00" in above[0].name.codes), None
                    )
                    if code is not None:
                        return Found(code, self.full_name(code), 0.6, ((above[0].start, at + length),))
                    if name.alone and length > 2:
                        return Found(name.codes[0], self.full_name(name.codes[0]), 0.45, ((at, at + length),))
        return None


def _bare(township: str) -> str:
    """A township's name without the word for what it is; empty when that leaves too little."""
    bare = _KIND_OF_TOWNSHIP.sub("", township)
    return bare if len(bare) > 1 else ""
