"""Hours in which nobody speaks: how much does recognition make up?

    python scripts/soak_silence.py [--minutes 120] [--all] [--model whisper-base]

Silence, line noise, hum, tones, music, clicks, breath and crackle at many levels, behind an 8 kHz A-law
channel, made here from a fixed seed. They are read as the line reads a caller: what the speech detector takes
for speech is read, nothing else. `--all` leaves the detector out and has everything read in pieces of 2 to
10 s, as if it were always wrong.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr.audio import SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.channel import through_alaw
from asr.detectors import SileroDetectors
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.files import endpointing, utterances
from asr.settings import VAD
from hotline.settings import Settings

Sound = NDArray[np.float64]
PIECE_S = 30
LEVELS_DB = (-60, -45, -35, -25, -15)


def times(seconds: int) -> Sound:
    """Seconds from the first sample on."""
    return np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE


def pink(draw: np.random.Generator, seconds: int) -> Sound:
    """Noise that falls by 3 dB an octave."""
    spectrum = np.fft.rfft(draw.normal(size=seconds * SAMPLE_RATE))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))))


def music(draw: np.random.Generator, seconds: int) -> Sound:
    """Chords and a tune, plucked."""
    sound = np.zeros((seconds + 2) * SAMPLE_RATE)
    at = np.arange(SAMPLE_RATE * 3 // 2) / SAMPLE_RATE
    for place in np.arange(0, seconds, 0.25):
        for note in draw.choice([0, 2, 4, 5, 7, 9, 12, 16, 19], size=2):
            hertz = 220 * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * hertz * part * at) / part for part in (1, 2, 3, 4))
            begin = int(place * SAMPLE_RATE)
            sound[begin : begin + len(at)] += tone * np.exp(-4 * at)
    return sound[: seconds * SAMPLE_RATE]


def tones(draw: np.random.Generator, seconds: int) -> Sound:
    """Ringback, busy, dial tone, keys and fax, a few seconds each."""
    at, sound = times(seconds), np.zeros(seconds * SAMPLE_RATE)
    for begin in range(0, seconds, 5):
        kind, part = int(draw.integers(5)), slice(begin * SAMPLE_RATE, (begin + 5) * SAMPLE_RATE)
        now = at[part]
        shape = (
            np.sin(2 * np.pi * 450 * now),
            (now % 5 < 1),
            (now % 0.7 < 0.35),
            np.sin(2 * np.pi * 1100 * now),
        )
        key = np.sin(2 * np.pi * 770 * now) + np.sin(2 * np.pi * 1336 * now)
        sound[part] = (shape[0] * shape[1], shape[0] * shape[2], shape[0], shape[3], key * (now % 0.4 < 0.1))[
            kind
        ]
    return sound


def breath(draw: np.random.Generator, seconds: int) -> Sound:
    """Noise that comes and goes every three seconds."""
    swell: Sound = np.maximum(0, np.sin(2 * np.pi * times(seconds) / 3)) ** 2
    return swell * pink(draw, seconds)


def hum(draw: np.random.Generator, seconds: int) -> Sound:
    """Mains and what rectifiers make of it."""
    at = times(seconds)
    return sum(
        (draw.random() * np.sin(2 * np.pi * 50 * part * at) for part in (1, 2, 3, 5, 7, 9)), np.zeros(len(at))
    )


def crackle(draw: np.random.Generator, seconds: int) -> Sound:
    """Clicks, each with an echo of a room."""
    hits = (draw.random(seconds * SAMPLE_RATE) < 3 / SAMPLE_RATE) * draw.normal(size=seconds * SAMPLE_RATE)
    room = draw.normal(size=SAMPLE_RATE // 5) * np.exp(-np.arange(SAMPLE_RATE // 5) / 800)
    size = len(hits) + len(room)
    return np.fft.irfft(np.fft.rfft(hits, size) * np.fft.rfft(room, size), size)[: len(hits)]


def throb(draw: np.random.Generator, seconds: int) -> Sound:
    """Machines: noise in bands that swells at the pace of syllables."""
    swell: Sound = 1 + np.sin(2 * np.pi * (2 + 3 * draw.random()) * times(seconds))
    return swell * pink(draw, seconds)


SOUNDS: dict[str, Callable[[np.random.Generator, int], Sound]] = {
    "silence": lambda _draw, seconds: np.zeros(seconds * SAMPLE_RATE),
    "white noise": lambda draw, seconds: draw.normal(size=seconds * SAMPLE_RATE),
    "pink noise": pink,
    "hum": hum,
    "tones": tones,
    "music": music,
    "breath": breath,
    "crackle": crackle,
    "throb": throb,
}


def pieces(minutes: int) -> Iterator[tuple[str, bytes]]:
    """What is heard, half a minute at a time: every sound at every level, round and round."""
    draw = np.random.default_rng(12348)
    for number in range(minutes * 60 // PIECE_S):
        name = list(SOUNDS)[number % len(SOUNDS)]
        level = LEVELS_DB[number // len(SOUNDS) % len(LEVELS_DB)]
        sound = SOUNDS[name](draw, PIECE_S)
        loud = np.sqrt(np.square(sound).mean()) or 1.0
        samples = (sound / loud * 32_768 * 10 ** (level / 20)).clip(-32_768, 32_767).astype("<i2")
        yield name, through_alaw(samples.tobytes())


def everything(number: int, pcm: bytes) -> Iterator[Segment]:
    """The whole piece, cut into 2 to 10 s."""
    draw, at, end = np.random.default_rng(number), 0, len(pcm) // 2
    while at < end:
        until = min(end, at + int(draw.integers(2 * SAMPLE_RATE, 10 * SAMPLE_RATE)))
        yield Segment(UtteranceId(f"{number}-{at}"), LegId(str(number)), at, until, pcm[2 * at : 2 * until])
        at = until


def main() -> None:
    """Listen, count, show; exits with 1 when anything was made up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument(
        "--all", action="store_true", help="read everything, also what is not taken for speech"
    )
    parser.add_argument("--model", default="", help="entry of models/manifest.toml; default: the line's")
    asked = parser.parse_args()
    settings = Settings()
    options = WhisperOptions(**({"model": asked.model} if asked.model else {}))
    engine = WhisperEngine(options, settings.models / options.model, 1)
    detectors, rules = SileroDetectors(settings.models / VAD), endpointing(settings.asr)
    heard, read, made_up, dropped = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    examples: list[str] = []
    with Progress(console=Console(stderr=True)) as progress:
        step = progress.add_task("listening to nobody", total=asked.minutes * 60 // PIECE_S)
        for number, (name, pcm) in enumerate(pieces(asked.minutes)):
            heard[name] += PIECE_S
            cut = utterances(str(number), [pcm], detectors, rules)
            for segment in everything(number, pcm) if asked.all else cut:
                found = engine.transcribe([segment])[0]
                read[name] += 1
                made_up[name] += bool(found.text)
                dropped[found.guard] += bool(found.guard)
                examples += [f"{name}: {found.text}"] if found.text else []
            progress.advance(step)
    table = Table("sound", "minutes", "read", "made up")
    for name in SOUNDS:
        table.add_row(name, f"{heard[name] / 60:.1f}", str(read[name]), str(made_up[name]))
    table.add_row("all", f"{heard.total() / 60:.1f}", str(read.total()), str(made_up.total()))
    Console().print(table, "dropped by guards:", dict(dropped), *examples[:20], sep="\n")
    raise SystemExit(made_up.total() > 0)


if __name__ == "__main__":
    main()
