"""Soaks one gateway process: calls come and go for half an hour, and nothing may grow.

    python scripts/soak.py [--calls 200] [--minutes 30] [--every 10] [--csv soak.csv]

Callers in another process keep that many SIP calls up, with G.711 both ways: each stays 5 to 25 s, then hangs
up and calls again; the gateway itself hangs up on a quarter; some callers cancel while it rings, some press
keys, and every 6 s one vanishes, with its ACK or without. Every ten seconds the gateway is asked for its
memory, files, ports, dialogs, transactions, tasks and Python objects (after a garbage collection).

Judged are the samples after the first 75 s (all calls up, the first vanished callers' timers over): of each
figure the median of the last third may exceed that of the first by no more than its bound. In the end all
hang up, and when the longest timer has passed, no call, port, dialog or transaction and no file or task more
than before the first call may be left. Exit code 1 when anything grew or was left.
"""

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench_gateway import Gateway, Plan
from scripts.bench_parts import Figures, hear, last_core, start
from scripts.soak_callers import call

RAMP_S = 10.0
SETTLE_S = 75.0
QUIET_S = 80.0
"""After the last call: no ACK for 32 s, then no answer to our BYE for 32 s, and some."""
BOUNDS = {"rss_mb": (4.0, 0.03), "fds": (10, 0.1), "ports": (5, 0.05), "dialogs": (10, 0.1),
          "transactions": (40, 0.15), "tasks": (20, 0.1), "objects": (1_500, 0.1)}  # fmt: skip
"""By how much a median may grow: in its unit, and as a share of the first; the larger of the two counts."""
EMPTY = ("ports", "dialogs", "transactions", "open_calls")
AS_BEFORE = ("fds", "tasks")
MORE_OBJECTS = 2_000
"""Python objects that a first call may leave for good: caches, modules loaded late."""


def soak(
    calls: int, minutes: float, every_s: float, console: Console
) -> tuple[list[Figures], Figures, Figures]:
    """Samples while calls go on, one before the first call, one long after the last."""
    gateway = Gateway(
        Plan(speak=True, hang_up_share=0.25, hang_up_after_s=(2.0, 20.0), ring_s=0.2, dead_after_s=10.0)
    )
    before = gateway.ask("sample")
    child, pipe = start(call, gateway.port, calls, RAMP_S, core=last_core())
    gateway.ask("begin")
    samples: list[Figures] = []
    began = time.monotonic()
    try:
        while (passed := time.monotonic() - began) < minutes * 60:
            time.sleep(max(0.0, every_s * (len(samples) + 1) - passed))
            samples.append({"seconds": time.monotonic() - began, **gateway.ask("sample")})
            console.print(_line(samples[-1]), highlight=False)
        pipe.send("enough")
        counts: dict[str, int] = hear(pipe, 60, "callers")
        console.print(f"callers: {counts}", highlight=False)
        child.join()
        figures = gateway.ask("end")
        console.print(
            f"gateway: {100 * figures['core_share']:.0f} % of a core, loop lag p99 "
            f"{figures['lag_p99_ms']:.1f} ms, max {figures['lag_max_ms']:.0f} ms; quiet for {QUIET_S:.0f} s",
            highlight=False,
        )
        time.sleep(QUIET_S)
        return samples, before, gateway.ask("sample")
    finally:
        gateway.quit()


def _line(one: Figures) -> str:
    shown = ", ".join(f"{name} {one[name]:.0f}" for name in ("open_calls", *BOUNDS))
    return f"{one['seconds']:6.0f} s  {shown}"


def thirds(values: list[float]) -> tuple[float, float]:
    """Median of the first and of the last third."""
    size = max(1, len(values) // 3)
    return statistics.median(values[:size]), statistics.median(values[-size:])


def grown(name: str, values: list[float]) -> bool:
    """Whether the last third is beyond the bound."""
    first, last = thirds(values)
    absolute, share = BOUNDS[name]
    return last - first > max(absolute, share * first)


def left_over(before: Figures, after: Figures) -> list[str]:
    """What ought to be gone and is not."""
    left = [f"{name} {after[name]:.0f}" for name in EMPTY if after[name] > 0]
    left += [
        f"{name} {before[name]:.0f} → {after[name]:.0f}" for name in AS_BEFORE if after[name] > before[name]
    ]
    if after["objects"] > before["objects"] + MORE_OBJECTS:
        left.append(f"objects {before['objects']:.0f} → {after['objects']:.0f}")
    return left


def judge(samples: list[Figures], before: Figures, after: Figures, console: Console) -> bool:
    """Print the verdicts; whether all is well."""
    settled = [one for one in samples if one["seconds"] >= SETTLE_S]
    if len(settled) < 6:
        raise SystemExit("too short to judge: less than six samples after the first 75 s")
    table = Table(title=f"{len(settled)} samples after {SETTLE_S:.0f} s")
    for heading in ("", "first third", "last third", "an hour", "bound", ""):
        table.add_column(heading, justify="right")
    well = True
    hours = [one["seconds"] / 3600 for one in settled]
    for name, (absolute, share) in BOUNDS.items():
        values = [one[name] for one in settled]
        first, last = thirds(values)
        bad = grown(name, values)
        well = well and not bad
        slope, bound = float(np.polyfit(hours, values, 1)[0]), max(absolute, share * first)
        cells = (f"{first:.1f}", f"{last:.1f}", f"{slope:+.1f}", f"+{bound:.1f}", "GROWN" if bad else "ok")
        table.add_row(name, *cells)
    console.print(table)
    left = left_over(before, after)
    faults = after["faults"]
    console.print(f"left over: {', '.join(left) or 'nothing'}; RSS {before['rss_mb']:.0f} → "
                  f"{after['rss_mb']:.0f} MB; faults: {faults:.0f}", highlight=False)  # fmt: skip
    return well and not left and not faults


def main() -> None:
    """Run, write, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between samples")
    parser.add_argument("--csv", type=Path, help="write the samples there")
    options = parser.parse_args()
    console = Console(width=110 if not sys.stdout.isatty() else None)
    samples, before, after = soak(options.calls, options.minutes, options.every, console)
    if options.csv is not None:
        with options.csv.open("w", encoding="ascii", newline="") as file:
            writer = csv.DictWriter(file, list(samples[0]))
            writer.writeheader()
            writer.writerows(samples)
    raise SystemExit(0 if judge(samples, before, after, console) else 1)


if __name__ == "__main__":
    main()
