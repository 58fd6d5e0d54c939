"""Chinese text -> the phonemes a Mandarin voice is fed with, phrase by phrase.

Numbers, dates and times become words, words become pinyin with tone sandhi, pinyin becomes initials and
finals as the Baker corpus labels them (the labels of the shipped voice). The language's own facts (digits,
pauses, polyphones) are data: zh-reading.yaml beside this file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hotline.errors import ConfigError
from hotline.yaml_file import read_model

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
READING = Path(__file__).with_name("zh-reading.yaml")

TEXT_MAX = 1_000
"""Characters of one text."""

Pinyin = Annotated[str, StringConstraints(pattern=r"^[a-z]+[1-5]( [a-z]+[1-5])*$")]
"""Syllables with tone numbers, 5 for the neutral tone."""

INITIALS = (
    "zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l",
    "g", "k", "h", "j", "q", "x", "r", "z", "c", "s",
)  # fmt: skip
NO_INITIAL = "^"
FULL_FINALS = {"iu": "iou", "ui": "uei", "un": "uen"}
"""Spelling shortens these after an initial."""
UMLAUT_FINALS = {"u": "v", "ue": "ve", "uan": "van", "un": "vn"}
"""Spelling drops the dots after j, q, x and y."""
BARE = {"n": "en", "ng": "en", "m": "en", "hm": "en", "hng": "en"}
"""Syllabic nasals, for which the voice has no sound of its own."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A run spoken in one breath."""

    symbols: tuple[str, ...]
    """Initials, finals with tone, syllable borders: `sil n i2 #0 h ao3 sil`."""
    pause: float
    """Seconds of silence after it."""


class Reading(BaseModel):
    """zh-reading.yaml: how text is read aloud."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digits: Annotated[str, StringConstraints(min_length=10, max_length=10)]
    """The ten digits, from zero."""
    phone_one: Annotated[str, StringConstraints(min_length=1, max_length=1)]
    """How 1 is said in telephone numbers."""
    two: Annotated[str, StringConstraints(min_length=1, max_length=1)]
    """How 2 is said when counting things."""
    counted: str
    """Measure words before which it is."""
    year: str
    month: str
    day: str
    hour: str
    minute: str
    percent: str
    """Said before a percentage."""
    by_digit: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]+$")], ...]
    """Numbers read digit by digit though they are short, such as emergency lines."""
    pauses: dict[Annotated[str, StringConstraints(min_length=1, max_length=1)], float]
    """Punctuation -> seconds of silence."""
    words: dict[str, Pinyin] = Field(default_factory=dict)
    """Words whose usual reading is wrong."""

    @classmethod
    def load(cls, path: Path) -> "Reading":
        """Read the file. Raises `ConfigError` naming file and field."""
        reading = read_model(path, cls)
        uneven = [word for word, pinyin in reading.words.items() if len(word) != len(pinyin.split())]
        if uneven:
            raise ConfigError([f"{path}: words.{word}: one syllable a character" for word in uneven])
        return reading


class Frontend:
    """Reads text aloud, on paper. Making one teaches pypinyin the file's words, process-wide."""

    def __init__(self, reading: Reading) -> None:
        from pypinyin import load_phrases_dict
        from pypinyin.contrib.tone_convert import to_tone

        self._reading = reading
        load_phrases_dict(
            {
                word: [[to_tone(syllable.replace("v", "\u00fc"))] for syllable in pinyin.split()]
                for word, pinyin in reading.words.items()
            }
        )
        marks = re.escape("".join(reading.pauses))
        self._split = re.compile(f"([{marks}]+|\n)")

    def phrases(self, text: str) -> list[Phrase]:
        """The phrases of a text. Characters that have no sound in Mandarin are left out.

        Raises `ValueError` when the text is longer than `TEXT_MAX`.
        """
        if len(text) > TEXT_MAX:
            raise ValueError(f"longer than {TEXT_MAX} characters")
        parts = self._split.split(self.spoken(text))
        found = []
        for words, mark in zip(parts[::2], [*parts[1::2], ""], strict=True):
            symbols = self._symbols(words)
            pause = max((self._reading.pauses.get(char, 0.0) for char in mark), default=0.0)
            if symbols:
                found.append(Phrase(symbols, pause))
        return found

    def spoken(self, text: str) -> str:
        """Numbers, dates, times and percentages as words."""
        for pattern, say in self._rules():
            text = re.sub(pattern, say, text)
        return text

    def _rules(self) -> list[tuple[str, Callable[[re.Match[str]], str]]]:
        r = self._reading
        number = self._number
        return [
            (
                r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)",
                lambda m: f"{self._digits(m[1])}{r.year}{number(m[2])}{r.month}{number(m[3])}{r.day}",
            ),
            (
                r"(?<!\d)([01]?\d|2[0-4])[:\uff1a]([0-5]\d)(?!\d)",
                lambda m: f"{number(m[1])}{r.hour}" + (f"{number(m[2])}{r.minute}" if int(m[2]) else ""),
            ),
            (rf"(?<!\d)(\d{{4}})(?={r.year})", lambda m: self._digits(m[1])),
            (r"(\d+(?:\.\d+)?)[%\uff05]", lambda m: r.percent + number(m[1])),
            (r"(?<!\d)(\d{3,4})-(\d{7,8})(?!\d)", lambda m: self._phone(m[1] + m[2])),
            (r"\d+(?:\.\d+)?", self._plain),
        ]

    def _plain(self, match: re.Match[str]) -> str:
        """A number on its own: a telephone number, a count, or a quantity."""
        digits, after = match[0], match.string[match.end() : match.end() + 1]
        if digits in self._reading.by_digit or len(digits) > 8 or (digits[0] == "0" and digits.isdigit()):
            return self._phone(digits) if len(digits) > 1 else self._digits(digits)
        if digits == "2" and after and after in self._reading.counted:
            return self._reading.two
        return self._number(digits)

    def _number(self, digits: str) -> str:
        """A quantity in words; its last decimals are read one by one."""
        from cn2an import an2cn

        whole, _, _ = digits.partition(".")
        if len(whole) > 12:
            return self._digits(digits.replace(".", ""))
        words = str(an2cn(digits if "." in digits else str(int(digits)), "low"))
        ten = str(an2cn("10", "low"))
        # "one ten six" for 16 is how it is written on cheques, not how it is said
        return words[1:] if words.startswith(ten[0] + ten[-1]) and len(ten) > 1 else words

    def _digits(self, digits: str) -> str:
        return "".join(self._reading.digits[int(digit)] for digit in digits)

    def _phone(self, digits: str) -> str:
        return self._digits(digits).replace(self._reading.digits[1], self._reading.phone_one)

    def _symbols(self, words: str) -> tuple[str, ...]:
        from pypinyin import Style, lazy_pinyin

        han = re.sub(f"[^{HAN}]", "", words)
        if not han:
            return ()
        syllables = lazy_pinyin(
            han, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True, errors="ignore"
        )
        symbols: list[str] = []
        for syllable in syllables:
            symbols += [*([] if not symbols else ["#0"]), *phonemes(syllable)]
        return ("sil", *symbols, "sil")


def phonemes(syllable: str) -> tuple[str, str]:
    """A pinyin syllable with tone number -> initial (`^` for none) and full final with tone.

    `zhuang4` -> `zh`, `uang4`; `yuan2` -> `^`, `van2`; `jiu3` -> `j`, `iou3`.
    """
    base, tone = syllable[:-1].replace("\u00fc", "v"), syllable[-1]
    if not tone.isdigit():
        base, tone = syllable.replace("\u00fc", "v"), "5"
    base = BARE.get(base, base)
    initial = next((start for start in INITIALS if base.startswith(start)), "")
    if not initial:
        return NO_INITIAL, _bare_final(base) + tone
    final = base[len(initial) :]
    if initial in ("j", "q", "x"):
        final = UMLAUT_FINALS.get(final, final)
    elif final == "ue":  # lue, nue: spelling without the dots
        final = "ve"
    elif final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    return initial, FULL_FINALS.get(final, final) + tone


def _bare_final(base: str) -> str:
    """The final behind a spelling that begins with y, w or a vowel."""
    if base.startswith("w"):
        final = base[1:]
        return final if final.startswith("u") else {"ei": "uei", "en": "uen"}.get(final, "u" + final)
    if base.startswith("y"):
        final = base[1:]
        if final in UMLAUT_FINALS:
            return UMLAUT_FINALS[final]
        if final.startswith("i"):
            return final
        return {"ou": "iou", "o": "iou"}.get(final, "i" + final)
    return base
