"""Compares the adaptive jitter buffer with fixed ones: what is late, and how long sound waits for it.

    python scripts/bench_jitter.py [--minutes 3] [--json FILE]

Paths are made by a seeded generator and run in virtual time: packets of 20 ms, read every 5 ms, played every
20, as in the gateway. Figures: late %, packets that came too late to be played; wait, milliseconds from
sending to playing (the path's own delay included) as mean and 95th percentile; moves, times 20 ms were left
out in a pause, which is what a listener could hear of adapting.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hotline.gateway.jitter import JitterBuffer, Lost
from hotline.gateway.rtp import RtpPacket

Delays = NDArray[np.float64]
FRAME = 160
PAUSES = 0.35
"""Share of ticks in a conversation in which one side is silent enough for 20 ms to be left out."""


def even(count: int, chance: np.random.Generator) -> Delays:
    """A good line."""
    return chance.uniform(0.010, 0.013, count)


def uneven(count: int, chance: np.random.Generator) -> Delays:
    """Gaussian, 10 ms of deviation."""
    return np.maximum(0.0, chance.normal(0.040, 0.010, count))


def rough(count: int, chance: np.random.Generator) -> Delays:
    """Gaussian, 25 ms."""
    return np.maximum(0.0, chance.normal(0.080, 0.025, count))


def wireless(count: int, chance: np.random.Generator) -> Delays:
    """Quiet, but every second or so a dozen packets are held up and come together."""
    delays = chance.uniform(0.005, 0.012, count)
    at = 0
    while at < count:
        at += int(chance.exponential(60)) + 1
        held = int(chance.integers(2, 6))
        for n in range(at, min(at + held, count)):
            delays[n] += 0.02 * (at + held - n) * chance.uniform(0.8, 1.2)
    return delays


def moving(count: int, chance: np.random.Generator) -> Delays:
    """The path is 60 ms longer for its middle third."""
    delays = chance.uniform(0.010, 0.015, count)
    delays[count // 3 : 2 * count // 3] += 0.060
    return delays


def drifting(count: int, chance: np.random.Generator) -> Delays:
    """The peer's clock is 100 ppm slow: its packets come later and later."""
    return chance.uniform(0.010, 0.013, count) + 0.02 * np.arange(count) * 100e-6


PATHS: dict[str, Callable[[int, np.random.Generator], Delays]] = {
    "even": even,
    "uneven, 10 ms": uneven,
    "rough, 25 ms": rough,
    "wireless": wireless,
    "moving": moving,
    "drifting, 100 ppm": drifting,
}


class Fixed(JitterBuffer):
    """The same buffer that never adapts: waits are counted from the first packet."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(delay_s, floor_s=delay_s)
        self._target.judge = lambda: 0  # type: ignore[method-assign]
        self._target.note = lambda _slack: 0  # type: ignore[method-assign,assignment]


def run(buffer: JitterBuffer, delays: Delays, seed: int) -> dict[str, float]:
    """One stream through one buffer."""
    chance = np.random.default_rng(seed)
    arrivals = 0.02 * np.arange(len(delays)) + delays
    order = np.argsort(arrivals, kind="stable")
    waits: list[float] = []
    at = shed = 0
    for tick in range(len(delays) + 60):
        now = 0.02 * tick
        while at < len(order) and arrivals[order[at]] <= now:
            n = int(order[at])
            known = np.ceil(arrivals[n] / 0.005) * 0.005
            buffer.push(RtpPacket(8, n & 0xFFFF, FRAME * n, 1, bytes(FRAME)), min(float(known), now))
            at += 1
        if buffer.surplus and chance.random() < PAUSES:
            shed += 1
            buffer.shed()
        while (item := buffer.pop(now)) is not None:
            if not isinstance(item, Lost):
                waits.append(now - 0.02 * (item.timestamp // FRAME))
    waits_ms = sorted(1_000 * wait for wait in waits)
    return {
        "late_percent": 100 * (1 - len(waits) / len(delays)),
        "wait_ms": statistics.mean(waits_ms),
        "wait_p95_ms": waits_ms[len(waits_ms) * 95 // 100],
        "moves": float(shed),
    }


BUFFERS: dict[str, Callable[[], JitterBuffer]] = {
    "adaptive": lambda: JitterBuffer(0.06, floor_s=0.04),
    "fixed 40": lambda: Fixed(0.04),
    "fixed 60": lambda: Fixed(0.06),
    "fixed 100": lambda: Fixed(0.10),
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    count = int(options.minutes * 3_000)
    table = Table(title=f"{options.minutes:g} minutes a path: late % · wait mean/p95 ms · moves")
    table.add_column("path")
    for name in BUFFERS:
        table.add_column(name, justify="right")
    results = []
    for seed, (path, make) in enumerate(track(PATHS.items(), "paths", console=Console(stderr=True))):
        delays = make(count, np.random.default_rng(seed))
        cells = []
        for name, buffer in BUFFERS.items():
            one = run(buffer(), delays, seed)
            results.append({"path": path, "buffer": name, **one})
            wait = f"{one['wait_ms']:.0f}/{one['wait_p95_ms']:.0f}"
            cells.append(f"{one['late_percent']:.2f} · {wait} · {one['moves']:.0f}")
        table.add_row(path, *cells)
    Console(width=120).print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
