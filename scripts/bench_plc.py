"""Scores packet-loss concealment against silence and against repeating the last frame.

    python scripts/bench_plc.py [--clips 24] [--speech FOLDER] [--json FILE]

Clips go through A-law packets of 20 ms, of which some are lost (at random, and in bursts of three on
average), and through the gateway's own receiver. Two scores, for the same losses:

lsd     log-spectral distance in dB between what was sent and what was heard, over the lost frames and the one
        after each (less is better)
pesq    PESQ (ITU-T P.862, narrow band) of the whole clip, 1 to 4.5, when the `pesq` package is installed
        (`pip install pesq`; for measuring only, the project does not use it)

Clips come from a folder of evaluation data with a manifest.tsv that has a `file` column, or from any folder
of WAV or FLAC files.
"""

import argparse
import csv
import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hotline.gateway.g711 import decode, encode
from hotline.gateway.media import Direction, MediaPlan
from hotline.gateway.resample import FRAME_8K, TAIL
from hotline.gateway.rtp import RtpPacket
from hotline.gateway.rtp_receive import Receiver

Sound = NDArray[np.int16]
ROOT = Path(__file__).parents[1]
RATES = (1, 3, 5, 10)
BURST = 3.0
DELAY_FRAMES = 3
PLAN = MediaPlan(("127.0.0.1", 9), "PCMA", 8, 101, Direction.SENDRECV)


def clips(folder: Path, count: int) -> list[Sound]:
    """Speech at 8 kHz, 2 to 12 s each."""
    paths: list[Path] = []
    if (folder / "manifest.tsv").exists():
        with (folder / "manifest.tsv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        paths = [folder / row["file"] for row in rows]
        random.Random(12348).shuffle(paths)
    else:
        paths = sorted(path for kind in ("*.wav", "*.flac") for path in folder.rglob(kind))
    if not paths:
        raise SystemExit(f"{folder}: no clips; name a folder of speech with --speech")
    found: list[Sound] = []
    for path in paths:
        if len(found) == count:
            break
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        narrow = soxr.resample(sound[:, 0], rate, 8000)
        if 2 * 8000 <= len(narrow) <= 60 * 8000:
            whole = len(narrow[: 12 * 8000]) // FRAME_8K * FRAME_8K
            level = max(float(np.abs(narrow).max()), 1e-3)
            found.append((narrow[:whole] / level * 20_000).astype(np.int16))
    return found


def losses(frames: int, percent: int, seed: int, *, bursts: bool) -> NDArray[np.bool_]:
    """Which packets are lost. Bursts: two states, lost on average three in a row (Gilbert)."""
    chance = np.random.default_rng(seed)
    if not bursts:
        lost = chance.random(frames) < percent / 100
    else:
        leave = 1 / BURST
        enter = leave * percent / (100 - percent)
        lost, state = np.zeros(frames, bool), False
        for at in range(frames):
            state = chance.random() < (1 - leave if state else enter)
            lost[at] = state
    lost[:10] = False
    return lost


def heard(sound: Sound, lost: NDArray[np.bool_]) -> Sound:
    """Through the gateway's receiver."""
    coded = encode(sound, "PCMA")
    receiver, out = Receiver(0.02 * DELAY_FRAMES), []
    receiver.configure(PLAN, anew=True)
    for n in range(len(lost) + DELAY_FRAMES):
        if n < len(lost) and not lost[n]:
            payload = coded[FRAME_8K * n : FRAME_8K * (n + 1)]
            receiver.push(RtpPacket(8, n, FRAME_8K * n, 1, payload), 0.02 * n)
        out.append(receiver.pull(0.02 * n + 0.001)[0][TAIL:])
    return decode(b"".join(out[DELAY_FRAMES:]), "PCMA")


def silent(sound: Sound, lost: NDArray[np.bool_]) -> Sound:
    """Nothing in the place of what is lost."""
    frames = decode(encode(sound, "PCMA"), "PCMA").reshape(-1, FRAME_8K).copy()
    frames[lost] = 0
    return frames.ravel()


def repeated(sound: Sound, lost: NDArray[np.bool_]) -> Sound:
    """The last frame again."""
    frames = decode(encode(sound, "PCMA"), "PCMA").reshape(-1, FRAME_8K).copy()
    for at in np.flatnonzero(lost):
        frames[at] = frames[at - 1]
    return frames.ravel()


METHODS: dict[str, Callable[[Sound, NDArray[np.bool_]], Sound]] = {
    "gateway": heard,
    "repeat": repeated,
    "silence": silent,
}


def distance(sent: Sound, got: Sound, lost: NDArray[np.bool_]) -> float:
    """Log-spectral distance in dB over windows of 32 ms every 10, where a lost frame or its successor is."""
    window, step = 256, 80
    window_shape = np.hanning(window)
    around = lost | np.roll(lost, 1)
    starts = [at for at in range(0, len(sent) - window, step) if around[at // FRAME_8K]]
    # Below this level (about -66 dB of overload) nobody hears a difference.
    floor = 16.0 * window

    def spectra(sound: Sound) -> NDArray[np.float64]:
        frames = np.stack([sound[at : at + window] * window_shape for at in starts])
        return 10 * np.log10(np.abs(np.fft.rfft(frames)) ** 2 + floor**2)

    if not starts:
        return 0.0
    return float(np.mean(np.sqrt(np.mean((spectra(sent) - spectra(got)) ** 2, axis=1))))


def pesq_of(sent: Sound, got: Sound) -> float | None:
    """PESQ, or None when it is not installed or finds no speech."""
    try:
        from pesq import PesqError, pesq
    except ImportError:
        return None
    found = pesq(8000, sent, got, "nb", on_error=PesqError.RETURN_VALUES)
    return None if found < 0 else float(found)


def measure(speech: list[Sound]) -> list[dict[str, object]]:
    """Medians over clips, by kind and rate of loss and by method."""
    results: list[dict[str, object]] = []
    cells = [(bursts, percent) for bursts in (False, True) for percent in RATES]
    for bursts, percent in track(cells, "losses", console=Console(stderr=True)):
        scores: dict[str, list[tuple[float, float | None]]] = {name: [] for name in METHODS}
        for seed, sound in enumerate(speech):
            lost = losses(len(sound) // FRAME_8K, percent, seed, bursts=bursts)
            sent = decode(encode(sound, "PCMA"), "PCMA")
            for name, method in METHODS.items():
                got = method(sound, lost)
                scores[name].append((distance(sent, got, lost), pesq_of(sent, got)))
        for name, found in scores.items():
            known = [score for _, score in found if score is not None]
            results.append(
                {
                    "loss": f"{percent} % {'bursts' if bursts else 'random'}",
                    "method": name,
                    "lsd_db": statistics.mean(score for score, _ in found),
                    "pesq": statistics.mean(known) if known else None,
                }
            )
    return results


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--speech", type=Path, default=ROOT.parent / "shared" / "data" / "speech")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    speech = clips(options.speech, options.clips)
    results = measure(speech)
    seconds = sum(len(sound) for sound in speech) / 8000
    table = Table(title=f"{len(speech)} clips, {seconds:.0f} s; means")
    for heading in ("loss", *(f"{name} {score}" for score in ("lsd dB", "pesq") for name in METHODS)):
        table.add_column(heading, justify="right")
    for first in range(0, len(results), len(METHODS)):
        row = results[first : first + len(METHODS)]
        shown = [f"{one['lsd_db']:.1f}" for one in row]
        shown += ["-" if one["pesq"] is None else f"{one['pesq']:.2f}" for one in row]
        table.add_row(str(row[0]["loss"]), *shown)
    Console(width=120).print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
