"""Characters and their syllables → what is said when they stand together: suffix, doubled nouns, particles.

The words for one (yi2) and not (bu2) keep their tones: Sichuan has none of Mandarin's changes there.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asr.finetune.contours import Levels, pair, particle
from asr.finetune.doubling import doubled, shifted
from asr.finetune.phonology import YANG_PING, Accent, Syllable
from asr.finetune.rhotic import SUFFIX, rhotic, suffixes
from asr.finetune.rules import ALL
from asr.finetune.tables import BadPronunciation, marked
from asr.wordscore import word_scorer

PAIR = 2
YIN_PING = 1
URBAN = ("chengdu", "chongqing")
"""Accents of which the unwritten suffix is told."""
MEASURED = "chengdu"
"""The accent whose pairs were measured."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One syllable that is said, and the characters that it says: one, or two where a suffix merges."""

    text: str
    syllable: Syllable
    levels: Levels | None = None
    """Its contour where that is not the tone's own."""


def connect(
    text: str, syllables: Sequence[Syllable], accent: Accent, seed: int, rules: frozenset[str] = ALL
) -> list[Spoken]:
    """A phrase of Chinese characters by these rules; the syllables are each character's by itself.

    Nothing of the text is lost: the `text`s of what comes back make it up. `seed` is the speaker's. Raises
    `BadPronunciation` when there are more or fewer syllables than characters.
    """
    if len(text) != len(syllables):
        raise BadPronunciation("one syllable a character")
    borders = word_scorer().divide(text)
    said = _toned(text, syllables, borders, accent, rules)
    merged = suffixes(text) if "erhua" in rules else frozenset()
    taking = {at - 1 for at in merged}
    if "unwritten" in rules and accent.name in URBAN:
        found = marked(text, "unwritten_er.tsv")
        taking |= {at for word, at in found if text[at + 1 : at + 2] != SUFFIX and _says(word, seed)}
    levels: list[Levels | None] = [None] * len(said)
    if "pairs" in rules and accent.name == MEASURED:
        _pair_up(borders, said, merged, levels)
    ending = particle(text[-1]) if "particles" in rules and len(text) > 1 else None
    if ending is not None:
        said[-1], levels[-1] = ending
    return _merged(text, said, levels, merged, taking)


def _toned(
    text: str,
    syllables: Sequence[Syllable],
    borders: Sequence[tuple[int, int]],
    accent: Accent,
    rules: frozenset[str],
) -> list[Syllable]:
    """The syllables with the tones that they have beside each other."""
    said = list(syllables)
    if "doubling" in rules:
        for at, goes_on in doubled(text, borders).items():
            if said[at] == said[at - 1]:
                said[at] = replace(said[at], tone=shifted(accent.name, said[at].tone, inner=goes_on))
    if "raised" in rules:
        for _, at in marked(text, "raised.tsv"):
            if said[at].tone == YANG_PING:
                said[at] = replace(said[at], tone=YIN_PING)
    return said


def _merged(
    text: str, said: list[Syllable], levels: list[Levels | None], merged: frozenset[int], taking: set[int]
) -> list[Spoken]:
    found: list[Spoken] = []
    for at, char in enumerate(text):
        if at in merged:
            found[-1] = replace(found[-1], text=found[-1].text + char)
            continue
        syllable = rhotic(said[at]) if at in taking else said[at]
        found.append(Spoken(char, syllable, levels[at]))
    return found


def _pair_up(
    borders: Sequence[tuple[int, int]],
    said: list[Syllable],
    merged: frozenset[int],
    levels: list[Levels | None],
) -> None:
    """Contours of words of two syllables."""
    for start, end in borders:
        places = [at for at in range(start, end) if at not in merged]
        if len(places) == PAIR:
            first, second = places
            levels[first], levels[second] = pair(said[first].tone, said[second].tone)


def _says(word: str, seed: int) -> bool:
    """Whether a speaker says a word with the unwritten suffix."""
    return random.Random(f"{word}{SUFFIX} {seed}").random() < 0.5  # noqa: S311 -- a voice, not a secret
