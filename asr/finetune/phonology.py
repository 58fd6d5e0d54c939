"""Mandarin syllables → how Sichuan says them: initials, finals and tone classes.

Chengdu and Chongqing follow regular correspondences with Mandarin once it is known which characters had an
entering tone; Cantonese keeps that as -p, -t, -k. Single characters that go their own way are data
(dialect/characters.tsv); what changes when syllables stand together is in connected.py. Sources: Zhen
Shangling, "Chengdu yuyin de chubu yanjiu" (1958); Yang Shifeng, "Sichuan fangyan diaocha
baogao" (1984); tone values after Chengdu 45/21/42/213.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from asr.finetune.tables import BadPronunciation, rows

INITIALS = (
    "zh", "ch", "sh", "ng", "b", "p", "m", "f", "d", "t", "n", "l",
    "g", "k", "h", "j", "q", "x", "r", "z", "c", "s",
)  # fmt: skip
FULL = {"iu": "iou", "ui": "uei", "un": "uen"}
DOTTED = {"u": "v", "ue": "ve", "uan": "van", "un": "vn"}
LABIAL = ("b", "p", "m", "f")
VELAR = ("g", "k", "h", "")
YANG_PING = 2


@dataclass(frozen=True, slots=True)
class Syllable:
    """One syllable. Tone classes: 1 yin-ping, 2 yang-ping, 3 shang, 4 qu, 5 entering where kept apart."""

    initial: str
    final: str
    tone: int

    def __str__(self) -> str:
        return f"{self.initial}{self.final}{self.tone}"


@dataclass(frozen=True, slots=True)
class Accent:
    """What differs from place to place and from speaker to speaker."""

    name: str = "chengdu"
    entering: int = YANG_PING
    """The class that entering-tone syllables are in."""
    retroflex: bool = False
    """zh, ch, sh stay apart from z, c, s (Zigong)."""
    fu: bool = True
    """hu is said fu."""
    nasal: bool = True
    """ing and eng lose to in and en."""
    literary: float = 0.25
    """How often a character that has two readings gets the one nearer to Mandarin."""


ACCENTS = (
    Accent(),
    Accent("chongqing"),
    Accent("zigong", entering=4, retroflex=True),
    Accent("leshan", entering=5),
)


def parse(pinyin: str) -> Syllable:
    """`zhuang4` → zh, uang, 4; `yuan2` → no initial, van, 2. Raises `BadPronunciation`."""
    text, tone = (pinyin[:-1], int(pinyin[-1])) if pinyin[-1:].isdigit() else (pinyin, 5)
    text = text.replace("\u00fc", "v")
    if text in ("n", "m", "ng", "hm", "hng"):
        return Syllable("", "en", tone)
    if text.startswith("yu"):
        rest = text[1:]
        return Syllable("", DOTTED.get(rest, rest), tone)
    if text.startswith("y"):
        rest = text[1:]
        rest = rest if rest.startswith("i") else "i" + rest
        return Syllable("", FULL.get(rest, rest), tone)
    if text.startswith("w"):
        rest = text[1:]
        rest = rest if rest.startswith("u") else "u" + rest
        return Syllable("", FULL.get(rest, rest), tone)
    initial = next((each for each in INITIALS if text.startswith(each)), "")
    final = text[len(initial) :]
    if not final:
        raise BadPronunciation(f"not a syllable: {pinyin}")
    if initial in ("j", "q", "x"):
        final = DOTTED.get(final, final)
    return Syllable(initial, FULL.get(final, final), tone)


@cache
def characters() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Own readings by character: (Mandarin reading without tone or "*", Sichuan readings split by "/")."""
    found: dict[str, list[tuple[str, str]]] = {}
    for chars, mandarin, sichuan, *_ in rows("characters.tsv", 3):
        if not all(part[-1:].isdigit() for part in sichuan.split("/")):
            raise BadPronunciation(f"characters.tsv: {chars}: readings without a tone")
        for char in chars:
            found.setdefault(char, []).append((mandarin, sichuan))
    return {char: tuple(readings) for char, readings in found.items()}


@cache
def entering(char: str) -> tuple[str, str] | None:
    """Cantonese nucleus and coda of a character that had an entering tone, else None."""
    import ToJyutping

    reading = ToJyutping.get_jyutping_list(char)[0][1]
    if not reading:
        return None
    body = reading.split()[0].rstrip("123456")
    if body[-1:] not in ("p", "t", "k"):
        return None
    return body[:-1].lstrip("bpmfdtnlgkhwzcsj") or body[:-1][-1:], body[-1]


class Speaker:
    """One person's way of saying characters."""

    def __init__(self, accent: Accent, seed: int = 0) -> None:
        self._accent = accent
        self._random = random.Random(seed)  # noqa: S311 -- a voice, not a secret
        self._literary: dict[str, bool] = {}

    def say(self, text: str, pinyin: Sequence[str]) -> list[Syllable]:
        """The syllables of a text, each by itself; its Mandarin readings are given, one a character.

        Raises `BadPronunciation` when there are more or fewer readings than characters.
        """
        if len(text) != len(pinyin):
            raise BadPronunciation("one reading a character")
        return [self._one(char, reading) for char, reading in zip(text, pinyin, strict=True)]

    def _one(self, char: str, reading: str) -> Syllable:
        toneless = reading.rstrip("12345")
        for mandarin, sichuan in characters().get(char, ()):
            if mandarin in ("*", toneless):
                options = sichuan.split("/")
                return self._accented(parse(self._choice(char, options)), char)
        return self._accented(regular(parse(reading), entering(char)), char)

    def _choice(self, char: str, options: Sequence[str]) -> str:
        if len(options) == 1:
            return options[0]
        if char not in self._literary:
            self._literary[char] = self._random.random() < self._accent.literary
        return options[1] if self._literary[char] else options[0]

    def _accented(self, syllable: Syllable, char: str) -> Syllable:
        accent, initial, final, tone = self._accent, syllable.initial, syllable.final, syllable.tone
        if tone == YANG_PING and accent.entering != YANG_PING and entering(char):
            tone = accent.entering
        if not accent.retroflex:
            initial = {"zh": "z", "ch": "c", "sh": "s"}.get(initial, initial)
        if accent.fu and initial == "h" and final == "u":
            initial = "f"
        if accent.nasal:
            final = {"ing": "in", "eng": "en", "ueng": "ong"}.get(final, final)
        return Syllable(initial, final, tone)


def regular(syllable: Syllable, stopped: tuple[str, str] | None) -> Syllable:
    """The regular correspondence of a Mandarin syllable; `stopped` is Cantonese nucleus and coda, if any."""
    initial, final = syllable.initial, syllable.final
    tone = YANG_PING if stopped else {5: 1}.get(syllable.tone, syllable.tone)
    for rule in (_stopped, _vowels, _onsets):
        initial, final = rule(initial, final, stopped)
    return Syllable(initial, final, tone)


Rule = Callable[[str, str, tuple[str, str] | None], tuple[str, str]]


def _stopped(initial: str, final: str, stopped: tuple[str, str] | None) -> tuple[str, str]:
    """Vowels of the entering tone."""
    if stopped is None:
        return initial, final
    nucleus, coda = stopped
    if final == "e":
        return initial, "o" if initial in (*VELAR, "l") and (nucleus == "o" or coda in "pt") else "e"
    if final in ("ai", "ei"):
        return initial, "e"
    if final == "uo" and initial in ("g", "h") and (nucleus.startswith("w") or nucleus == "aa"):
        return initial, "ue"
    if final in ("ve", "iao") and coda == "k":
        return initial, "io"
    return initial, {"ao": "o", "ou": "u", "iou": "u", "uo": "o"}.get(final, final)


def _vowels(initial: str, final: str, stopped: tuple[str, str] | None) -> tuple[str, str]:
    """Vowels and codas of the rest."""
    if final == "uo" or (final == "e" and initial in VELAR and stopped is None):
        return initial, "o"
    if final == "eng" and initial in LABIAL:
        return initial, "ong"
    if final == "uen" and initial in ("d", "t", "n", "l", "z", "c", "s"):
        return initial, "en"
    if final == "ei" and initial in ("n", "l"):
        return initial, "uei"
    if final == "ong" and initial == "r":
        return "", "iong"
    return initial, final


def _onsets(initial: str, final: str, stopped: tuple[str, str] | None) -> tuple[str, str]:
    """n and l are one but before i; a bare vowel gets the velar nasal."""
    del stopped
    if initial == "n" and final[0] not in "iv":
        return "l", final
    if initial == "" and (final in ("o", "e") or final[0] in "ao" or final in ("en", "ai", "ei")):
        return ("", final) if final in ("er", "ong") else ("ng", final)
    return initial, final
