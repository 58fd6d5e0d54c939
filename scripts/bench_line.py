"""Measures the serving process: start-up of the command line, memory idle and with calls going on.

    python scripts/bench_line.py [--calls 2] [--json]

Starts a real `hotline serve` on free ports in a temporary folder, places real SIP calls with the demo
caller's voice, and reads the operating system's own figures. Needs the weights (`hotline models fetch`).
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio
import psutil
from rich.console import Console
from rich.table import Table

from hotline.robot.demo_caller import render_caller
from hotline.settings import load

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def help_seconds(runs: int = 7) -> list[float]:
    """Wall time of `hotline --help`, whole process."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hotline", "--help"], check=True, capture_output=True, cwd=ROOT)
        times.append(time.perf_counter() - began)
    return times


def memory(process: psutil.Process) -> dict[str, float]:
    """MB resident: the serving process alone, and all its children."""
    children = process.children(recursive=True)
    return {
        "serving": process.memory_info().rss / 1e6,
        "workers": sum(child.memory_info().rss for child in children) / 1e6,
    }


def measure(calls: int, console: Console) -> dict[str, object]:
    """Everything, in one dictionary."""
    found: dict[str, object] = {"help_s": statistics.median(help_seconds())}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sip, web = free_port(), free_port()
        environment = {
            **os.environ,
            "HOTLINE__PATHS__DATA": str(folder),
            "HOTLINE__SIP__PORT": str(sip),
            "HOTLINE__WEB__PORT": str(web),
        }
        settings = load()
        anyio.run(render_caller, settings.flows, settings.models, folder / "caller.wav")
        server = subprocess.Popen(
            [sys.executable, "-m", "hotline", "serve"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            began = time.perf_counter()
            for line in server.stderr or ():
                if line.startswith("page"):
                    break
            found["start_s"] = time.perf_counter() - began
            process = psutil.Process(server.pid)
            time.sleep(2)
            found["idle_mb"] = memory(process)
            found["calls"] = calls
            found["during_mb"] = during(process, sip, calls, folder / "caller.wav", environment, console)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    return found


def during(
    process: psutil.Process, sip: int, calls: int, voice: Path, environment: dict[str, str], console: Console
) -> dict[str, float]:
    """Highest memory while calls go on."""
    command = [sys.executable, "-m", "hotline", "call", str(voice), "--to", f"sip:12348@127.0.0.1:{sip}"]
    callers = [
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, cwd=ROOT) for _ in range(calls)
    ]
    peak = {"serving": 0.0, "workers": 0.0}
    with console.status(f"{calls} calls going on"):
        while any(caller.poll() is None for caller in callers):
            now = memory(process)
            peak = {key: max(peak[key], now[key]) for key in peak}
            time.sleep(0.5)
    return peak


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description="Measure the serving process.")
    parser.add_argument("--calls", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.calls, Console(stderr=True))
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    table = Table("what", "figure")
    for key, value in found.items():
        shown = ", ".join(f"{k} {v:.0f} MB" for k, v in value.items()) if isinstance(value, dict) else value
        table.add_row(key, f"{shown:.2f}" if isinstance(shown, float) else str(shown))
    Console().print(table)


if __name__ == "__main__":
    main()
