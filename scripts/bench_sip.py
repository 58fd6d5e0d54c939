"""Measures signalling: new calls a second through one gateway process, placed by sipp.

    python scripts/bench_sip.py [--rates 20 50 100 150] [--seconds 10] [--hold 1] [--json FILE]

For each rate a fresh gateway (SIP, media, browsers' port and defence as the line opens them, recording off,
pinned to one core) answers every call at once; sipp, pinned to another, places the calls over UDP for the
given seconds, holds each for `--hold` seconds and hangs up. Before each window a few calls warm the gateway
up. `--profile FILE` writes a cProfile of the last rate's gateway, which slows it down.

INVITE → 200 is by the times of sipp's message trace (its own statistics step by 4 ms); retransmissions are
sipp's: a message lost, or answered after 500 ms.
RSS a call is the peak less what there was before the first call, by the most calls at once; it includes the
transactions that RFC 3261 keeps for 32 s after each call. Needs sipp (Debian's sip-tester).
"""

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scripts.bench_gateway import Gateway, Plan
from scripts.bench_parts import HOST, Figures, last_core, quantile

WARM_UP_CALLS = 30
_TRACED = re.compile(
    r"-{20,} (\S+ \S+)\n\w+ message (sent|received) [^\n]*\n\n([^\n]*)\n((?:(?!-{20})[^\n]*\n)*)"
)
"""Time, way, first line and the rest of each message in sipp's trace."""
_CALL_ID = re.compile(r"^Call-ID: (\S+)", re.MULTILINE)
_SENT = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:bench@[local_ip]:[local_port]>;tag=[pid]bench[call_number]"""
_DIALOG = f"""{_SENT}
To: <sip:12348@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
Max-Forwards: 70
Content-Length: 0
"""
SCENARIO = f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="bench">
<send retrans="500"><![CDATA[
INVITE sip:12348@[remote_ip]:[remote_port] SIP/2.0
{_SENT}
To: <sip:12348@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:bench@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=bench 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
]]></send>
<recv response="100" optional="true"></recv>
<recv response="180" optional="true"></recv>
<recv response="200"></recv>
<send><![CDATA[
ACK sip:12348@[remote_ip]:[remote_port] SIP/2.0
CSeq: 1 ACK
{_DIALOG}
]]></send>
<pause/>
<send retrans="500"><![CDATA[
BYE sip:12348@[remote_ip]:[remote_port] SIP/2.0
CSeq: 2 BYE
{_DIALOG}
]]></send>
<recv response="200"></recv>
</scenario>
"""


def sipp(folder: Path, port: int, rate: float, calls: int, hold_s: float) -> Figures:
    """Place the calls; returns sipp's counts and its times from INVITE to 200 in ms."""
    folder.mkdir()
    (folder / "bench.xml").write_text(SCENARIO, encoding="ascii")
    done = subprocess.run(
        ["taskset", "-c", str(last_core()), "sipp", f"{HOST}:{port}", "-sf", "bench.xml", "-i", HOST,
         "-r", str(rate), "-m", str(calls), "-d", str(int(hold_s * 1000)), "-l", str(calls), "-nostdin",
         "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_msg", "-message_file", "messages.log",
         "-timeout", "120s", "-recv_timeout", "20000"],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    if done.returncode not in {0, 1}:
        raise SystemExit(f"sipp failed ({done.returncode}): {done.stderr.strip()[-300:]}")
    with (folder / "stat.csv").open(encoding="ascii") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    times = setup_times((folder / "messages.log").read_text(encoding="ascii"))
    return {
        "calls": int(last["TotalCallCreated"]),
        "succeeded": int(last["SuccessfulCall(C)"]),
        "failed": int(last["FailedCall(C)"]),
        "retransmissions": int(last["Retransmissions(C)"]),
        "timed": len(times),
        "setup_p50_ms": quantile(times, 0.5),
        "setup_p99_ms": quantile(times, 0.99),
        "setup_max_ms": max(times, default=0.0),
    }


def setup_times(trace: str) -> list[float]:
    """Milliseconds from each call's first INVITE to its first 200, from sipp's message trace."""
    began: dict[str, datetime] = {}
    times: dict[str, float] = {}
    for stamp, way, first, rest in _TRACED.findall(trace):
        call = _CALL_ID.search(rest)
        if call is None:
            continue
        at = datetime.fromisoformat(stamp)
        if way == "sent" and first.startswith("INVITE"):
            began.setdefault(call[1], at)
        elif way == "received" and first.startswith("SIP/2.0 200") and call[1] in began:
            times.setdefault(call[1], (at - began[call[1]]).total_seconds() * 1000)
    return list(times.values())


def measure(rate: float, seconds: float, hold_s: float, profile: Path | None) -> Figures:
    """One window at one rate, on a fresh gateway."""
    gateway = Gateway(Plan(profile=profile))
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            sipp(folder / "warm", gateway.port, 30, WARM_UP_CALLS, 0)
            gateway.ask("begin")
            told = sipp(folder / "run", gateway.port, rate, max(1, int(rate * seconds)), hold_s)
            return {"rate": rate, **told, **gateway.ask("end")}
    finally:
        gateway.quit()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", type=float, nargs="+", default=[20, 50, 100, 150], help="calls a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--hold", type=float, default=1.0, help="seconds a call lasts")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--profile", type=Path, help="write a cProfile of the last rate's gateway")
    options = parser.parse_args()
    if shutil.which("sipp") is None:
        raise SystemExit("sipp is not installed (Debian: apt install sip-tester)")
    results = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("rates", total=len(options.rates))
        for rate in options.rates:
            progress.update(task, description=f"{rate:.0f} calls a second")
            results.append(measure(rate, options.seconds, options.hold, options.profile))
            progress.advance(task)
    show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(results: list[dict[str, Any]]) -> None:
    """A table on stdout."""
    table = Table(title="New calls a second, UDP, answered at once")
    for heading in ("calls/s", "calls", "failed", "retrans.", "INVITE→200 p50/p99/max ms", "core %",
                    "CPU ms/call", "loop lag p99/max ms", "most at once", "RSS KB/call"):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in results:
        table.add_row(
            f"{one['rate']:.0f}",
            f"{one['calls']:.0f}",
            f"{one['failed']:.0f}",
            f"{one['retransmissions']:.0f}",
            f"{one['setup_p50_ms']:.1f}/{one['setup_p99_ms']:.1f}/{one['setup_max_ms']:.1f}",
            f"{100 * one['core_share']:.1f}",
            f"{1000 * one['cpu_s'] / max(1, one['calls']):.2f}",
            f"{one['lag_p99_ms']:.1f}/{one['lag_max_ms']:.0f}",
            f"{one['most_open']:.0f}",
            f"{one['rss_kb_per_call']:.0f}",
        )
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
