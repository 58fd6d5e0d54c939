"""How long the pages' questions take on a large database, over HTTP, on a line that serves.

    python -m scripts.generate_calls --calls 1000000 --days 400 --url sqlite:////tmp/million/hotline.sqlite3
    python scripts/bench_pages.py --data /tmp/million [--url postgresql+psycopg://…] [--rounds 30]
    python scripts/bench_pages.py --data /tmp/million --agents-see own --only agent

Seals what waits for the audit chain, or the line would do that meanwhile. Then starts `hotline serve` on the
folder (or database), makes a supervisor, an auditor, a unit's person and two agents (one who has had calls,
on the roster; a stranger who has had none and is on no roster), signs in and asks what the pages ask, with
other parameters each round. Prints median and p95 of each question, and the processor time that the line took
for one: on a machine with other work, what an idle one would need. Of PostgreSQL the line's own part only.
The users stay in the database.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from sqlalchemy import select

from hotline.acd.model import LogKind
from hotline.audit.sealer import Sealer
from hotline.store.engine import make_engine, reading
from hotline.store.tables import acd_log
from hotline.store.upgrade import upgrade

AIM_MS = 100.0
ROLES = ("supervisor", "auditor", "unit", "agent")
UNIT = "legal_aid-510116"
Ask = Callable[[random.Random], str]


def main() -> int:
    """Measure and print a table in Markdown; 1 when a page misses the aim."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--url", default="", help="database; default: SQLite in the data folder")
    asked.add_argument("--rounds", type=int, default=30)
    asked.add_argument("--agents-see", choices=("own", "queue", "all"), default="queue")
    asked.add_argument("--only", choices=(*ROLES, "stranger"), help="ask as this one alone")
    told = asked.parse_args()
    environment = {
        **os.environ,
        "HOTLINE__PATHS__DATA": str(told.data.resolve()),
        "HOTLINE__PRIVACY__AGENTS_SEE": told.agents_see,
        "HOTLINE__WEB__PORT": str(free()),
    }
    environment |= {"HOTLINE__SIP__PORT": "0", **({"HOTLINE__STORE__URL": told.url} if told.url else {})}
    busy = prepare(told.url or f"sqlite:///{told.data.resolve()}/hotline.sqlite3")
    people = make_people(environment, busy)
    with serving(environment) as (base, line):
        clients = {role: signed_in(base, *person) for role, person in people.items()}
        slow = 0
        print("| who | question | p50 ms | p95 ms | CPU ms |\n|---|---|---|---|---|")
        for role, name, ask in questions(clients):
            if told.only not in {None, role}:
                continue
            before = spent(line)
            took = [timed(clients[role], ask(random.Random(number))) for number in range(told.rounds)]
            cpu = (spent(line) - before) * 1000 / told.rounds
            p95 = statistics.quantiles(took, n=20)[-1]
            slow += p95 > AIM_MS
            print(f"| {role} | {name} | {statistics.median(took):.0f} | {p95:.0f} | {cpu:.0f} |", flush=True)
    print(f"{slow} over {AIM_MS:.0f} ms", file=sys.stderr)
    return 1 if slow else 0


def prepare(url: str) -> str:
    """Bring the audit chain up to date; the agent of the last call that was put through."""
    engine = make_engine(url)
    upgrade(engine)
    sealed = 0

    def tell(count: int) -> None:
        nonlocal sealed
        sealed += count
        print(f"\r{sealed:,} rows sealed ", end="", file=sys.stderr, flush=True)

    Sealer(engine, lambda: datetime.now(UTC)).seal_all(tell)
    c = acd_log.c
    with reading(engine) as connection:
        last = select(c.agent).where(c.kind == LogKind.CONNECT.value).order_by(c.at.desc(), c.id.desc())
        busy = str(connection.execute(last.limit(1)).scalar_one())
    engine.dispose()
    return busy


def make_people(environment: dict[str, str], busy: str) -> dict[str, tuple[str, str]]:
    """Name and password of one of each kind; `busy` becomes an account and stands on the roster."""
    tag = secrets.token_hex(3)
    people = {
        role: (busy if role == "agent" else f"{role}-{tag}", secrets.token_urlsafe(16)) for role in ROLES
    }
    for role, person in people.items():
        add(environment, *person, role)
    people["stranger"] = (f"stranger-{tag}", secrets.token_urlsafe(16))
    add(environment, *people["stranger"], "agent")
    hotline(environment, "agents", "set", busy)
    return people


def questions(clients: Mapping[str, httpx.Client]) -> Iterator[tuple[str, str, Ask]]:
    """Who asks, what it is, and its address by chance."""
    days = [f"2026-{month:02}-01" for month in range(1, 7)]
    states = ("filed", "dispatched", "signed", "replied", "visiting", "settled", "archived")
    known = labels(clients["supervisor"])
    for role in ("supervisor", "agent", "stranger"):
        seen = clients[role].get("/api/v1/calls", params={"limit": 200}).json()["calls"]
        calls = [row["call"] for row in seen]
        rows = clients[role].get("/api/v1/orders", params={"limit": 200}).json()["orders"]
        numbers = [row["number"] for row in rows]
        for name, ask in lists(known, days, states):
            yield role, name, ask
        if calls:
            yield role, "a call", one_of("/api/v1/calls/{}", calls)
            yield role, "what a number called about before", one_of("/api/v1/calls/{}/earlier", calls)
        if numbers:
            yield role, "an order by its number", one_of("/api/v1/orders?text={}", numbers)
            yield role, "an order", one_of("/api/v1/orders/{}", numbers)
            yield role, "what stands beside an order", one_of("/api/v1/orders/{}/beside", numbers)
        yield role, "incidents", lambda _: "/api/v1/incidents"
        yield role, "referrals", lambda _: "/api/v1/referrals"
    yield "supervisor", "the floor", lambda _: "/api/v1/floor"
    yield "supervisor", "the wallboard", lambda _: "/api/v1/wall"
    yield "auditor", "the audit log", lambda _: "/api/v1/audit"
    yield "unit", "a unit's orders", lambda _: "/api/v1/unit/orders"


def labels(client: httpx.Client) -> tuple[list[str], list[str]]:
    """Matters in use, and words that occur."""
    orders = client.get("/api/v1/orders", params={"limit": 200}).json()["orders"]
    return sorted({row["matter"] for row in orders}), sorted({row["matter_label"][:2] for row in orders})


def lists(
    known: tuple[list[str], list[str]], days: Sequence[str], states: Sequence[str]
) -> Iterator[tuple[str, Ask]]:
    """The lists that everybody of the line may ask for."""
    matters, words = known
    yield "calls, first page", lambda _: "/api/v1/calls"
    yield "calls that say a word", one_of("/api/v1/calls?text={}", words)
    yield "calls of a matter", one_of("/api/v1/calls?matter={}", matters)
    yield "calls of a month", one_of("/api/v1/calls?since={}", days)
    yield "orders, first page", lambda _: "/api/v1/orders"
    yield "orders of a state", one_of("/api/v1/orders?state={}", states)
    yield "orders of a matter", one_of("/api/v1/orders?matter={}", matters)
    yield "orders of a unit", lambda _: f"/api/v1/orders?unit={UNIT}"
    yield "orders that say a word", one_of("/api/v1/orders?text={}", words)


def one_of(address: str, values: Sequence[str]) -> Ask:
    """The address with one of the values in it, by chance."""
    return lambda chance: address.format(chance.choice(values))


def spent(line: int) -> float:
    """Seconds of processor time a process has had."""
    times = psutil.Process(line).cpu_times()
    return float(times.user + times.system)


def timed(client: httpx.Client, address: str) -> float:
    """Milliseconds to the whole answer. Raises what the client raises for one that is no success."""
    began = time.perf_counter()
    client.get(address).raise_for_status()
    return (time.perf_counter() - began) * 1000


def add(environment: dict[str, str], name: str, password: str, role: str) -> None:
    """Make a user."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(password)
        file.flush()
        unit = ["--unit", UNIT] if role == "unit" else []
        hotline(environment, "users", "add", name, "--role", role, "--password-file", file.name, *unit)


def hotline(environment: dict[str, str], *words: str) -> None:
    """A command at the terminal. Raises `CalledProcessError`."""
    command = [sys.executable, "-m", "hotline", *words]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


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
