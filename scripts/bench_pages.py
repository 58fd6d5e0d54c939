"""How long the pages' questions take on a large database, over HTTP, on a line that serves.

    python -m scripts.generate_calls --calls 1000000 --days 400 --url sqlite:////tmp/million/hotline.sqlite3
    python scripts/bench_pages.py --data /tmp/million [--url postgresql+psycopg://…] [--rounds 30]

Starts `hotline serve` on the folder (or database), makes a supervisor, an auditor and a unit's person, signs
in and asks what the pages ask, with other parameters each round. Prints median and p95 of each question, and
the processor time that the line took for one: on a machine with other work, what an idle one would need. Of
PostgreSQL the line's own part only. The users stay in the database.
"""

import argparse
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

AIM_MS = 100.0
UNIT = "legal_aid-510116"
Ask = Callable[[random.Random], str]


def main() -> int:
    """Measure and print a table in Markdown; 1 when a page misses the aim."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--url", default="", help="database; default: SQLite in the data folder")
    asked.add_argument("--rounds", type=int, default=30)
    told = asked.parse_args()
    environment = {
        **os.environ,
        "HOTLINE__PATHS__DATA": str(told.data.resolve()),
        "HOTLINE__WEB__PORT": str(free()),
    }
    environment |= {"HOTLINE__SIP__PORT": "0", **({"HOTLINE__STORE__URL": told.url} if told.url else {})}
    tag = secrets.token_hex(3)
    people = {role: add(environment, f"{role}-{tag}", role) for role in ("supervisor", "auditor", "unit")}
    with serving(environment) as (base, line):
        clients = {role: signed_in(base, f"{role}-{tag}", password) for role, password in people.items()}
        slow = 0
        print("| question | p50 ms | p95 ms | CPU ms |\n|---|---|---|---|")
        for role, name, ask in questions(clients["supervisor"]):
            before = spent(line)
            took = [timed(clients[role], ask(random.Random(number))) for number in range(told.rounds)]
            cpu = (spent(line) - before) * 1000 / told.rounds
            p95 = statistics.quantiles(took, n=20)[-1]
            slow += p95 > AIM_MS
            print(f"| {name} | {statistics.median(took):.0f} | {p95:.0f} | {cpu:.0f} |", flush=True)
    print(f"{slow} over {AIM_MS:.0f} ms", file=sys.stderr)
    return 1 if slow else 0


def questions(client: httpx.Client) -> Iterator[tuple[str, str, Ask]]:
    """Who asks, what it is, and its address by chance."""
    calls = [row["call"] for row in client.get("/api/v1/calls", params={"limit": 200}).json()["calls"]]
    orders = client.get("/api/v1/orders", params={"limit": 200}).json()["orders"]
    numbers = [row["number"] for row in orders]
    matters = sorted({row["matter"] for row in orders})
    words = sorted({row["matter_label"][:2] for row in orders})
    days = [f"2026-{month:02}-01" for month in range(1, 7)]
    states = ("filed", "dispatched", "signed", "replied", "visiting", "settled", "archived")
    yield "supervisor", "calls, first page", lambda _: "/api/v1/calls"
    yield "supervisor", "calls that say a word", lambda r: f"/api/v1/calls?text={r.choice(words)}"
    yield "supervisor", "calls of a matter", lambda r: f"/api/v1/calls?matter={r.choice(matters)}"
    yield "supervisor", "calls of a month", lambda r: f"/api/v1/calls?since={r.choice(days)}"
    yield "supervisor", "a call", lambda r: f"/api/v1/calls/{r.choice(calls)}"
    yield (
        "supervisor",
        "what a number called about before",
        lambda r: f"/api/v1/calls/{r.choice(calls)}/earlier",
    )
    yield "supervisor", "orders, first page", lambda _: "/api/v1/orders"
    yield "supervisor", "orders of a state", lambda r: f"/api/v1/orders?state={r.choice(states)}"
    yield "supervisor", "orders of a matter", lambda r: f"/api/v1/orders?matter={r.choice(matters)}"
    yield "supervisor", "orders of a unit", lambda _: f"/api/v1/orders?unit={UNIT}"
    yield "supervisor", "orders that say a word", lambda r: f"/api/v1/orders?text={r.choice(words)}"
    yield "supervisor", "an order by its number", lambda r: f"/api/v1/orders?text={r.choice(numbers)}"
    yield "supervisor", "an order", lambda r: f"/api/v1/orders/{r.choice(numbers)}"
    yield "supervisor", "what stands beside an order", lambda r: f"/api/v1/orders/{r.choice(numbers)}/beside"
    yield "supervisor", "incidents", lambda _: "/api/v1/incidents"
    yield "supervisor", "referrals", lambda _: "/api/v1/referrals"
    yield "supervisor", "the floor", lambda _: "/api/v1/floor"
    yield "supervisor", "the wallboard", lambda _: "/api/v1/wall"
    yield "auditor", "the audit log", lambda _: "/api/v1/audit"
    yield "unit", "a unit's orders", lambda _: "/api/v1/unit/orders"


def spent(line: int) -> float:
    """Seconds of processor time a process has had."""
    times = psutil.Process(line).cpu_times()
    return float(times.user + times.system)


def timed(client: httpx.Client, address: str) -> float:
    """Milliseconds to the whole answer. Raises what the client raises for one that is no success."""
    began = time.perf_counter()
    client.get(address).raise_for_status()
    return (time.perf_counter() - began) * 1000


def add(environment: dict[str, str], name: str, role: str) -> str:
    """Make a user; the password."""
    password = secrets.token_urlsafe(16)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(password)
        file.flush()
        command = [
            sys.executable,
            "-m",
            "hotline",
            "users",
            "add",
            name,
            "--role",
            role,
            "--password-file",
            file.name,
        ]
        command += ["--unit", UNIT] if role == "unit" else []
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return password


def signed_in(base: str, name: str, password: str) -> httpx.Client:
    """A client with a session."""
    client = httpx.Client(base_url=base, timeout=120)
    client.post("/api/v1/session", json={"name": name, "password": password}).raise_for_status()
    return client


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    """A line that serves; its address and process."""
    base = f"http://127.0.0.1:{environment['HOTLINE__WEB__PORT']}"
    line = subprocess.Popen([sys.executable, "-m", "hotline", "serve"], env=environment)
    try:
        end = time.monotonic() + 600
        while time.monotonic() < end:
            if line.poll() is not None:
                raise SystemExit("the line did not start")
            try:
                if httpx.get(f"{base}/healthz").is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.5)
        yield base, line.pid
    finally:
        line.terminate()
        line.wait(60)


def free() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
