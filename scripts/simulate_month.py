"""Lets a month happen on the hotline: some 30,000 calls, over 20,000 orders and all that becomes of them.

    python scripts/simulate_month.py --data var/month [--first 2026-10-01 --days 31 --calls 32000]
    python scripts/simulate_month.py --database postgresql+psycopg://USER@HOST/NAME

Callers come as they do over days, nights, weekends and holidays, wait, give up, are answered or leave
messages; what they say is made by our own grammar and read by the line's own router. Units sign, return,
suspend, ask for extensions and answer; agents review, visit, merge and settle; lawyers take orders out of the
pool; timers go off. All of it goes through the same services as on the line, with a clock that this script
moves. Meanwhile the process is killed (SIGKILL) again and again and goes on from what the database knows.

In the end everything is compared with the plan: every call has one record with its outcome, no order is lost,
doubled or stuck, every line of history follows from the one before by a move of the table, every timer went
off once and was told of once. Exit code 1 when anything is wrong. The data folder can then be served:

    HOTLINE__PATHS__DATA=var/month .venv/bin/hotline serve
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import anyio
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import Engine

from hotline.rulebook import Rulebook
from hotline.store.engine import make_engine
from hotline.store.upgrade import upgrade
from scripts.month_calls import Writer
from scripts.month_checks import Verdict, judge
from scripts.month_people import People
from scripts.month_plan import Callers, Month
from scripts.month_run import Progress as Reached
from scripts.month_run import World, let_happen
from workorders.calendar import SHANGHAI
from workorders.service import WorkOrderService
from workorders.sql import unit_of_work

ROOT = Path(__file__).parents[1]
TEXTS = Path(__file__).with_name("month_texts.yaml")


def build(engine: Engine, month: Month) -> tuple[Writer, People]:
    """Everybody of the month, on that database."""
    texts = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    rulebook = Rulebook.load(ROOT / "ivr_flows")
    service = WorkOrderService(unit_of_work(engine), rulebook.rules, rulebook.calendar)
    callers = Callers(month, rulebook.calendar, texts, [place.code for place in rulebook.rules.places])
    people = People(engine, service, texts, callers.agents, month.seed)
    return Writer(callers, rulebook, service, engine, texts), people


def span(month: Month) -> tuple[datetime, datetime]:
    """From the first midnight to an hour after the last, for calls that go on over it."""
    start = datetime.combine(month.first, clock(), SHANGHAI)
    return start, start + timedelta(days=month.days, hours=1)


def work(database: str, folder: Path, month: Month) -> None:
    """Let time pass until all is over; what the parent kills."""
    engine = make_engine(database)
    upgrade(engine)
    writer, people = build(engine, month)
    start, end = span(month)
    world = World(engine, writer, people, Reached.open(folder / "month.json", start))
    anyio.run(let_happen, world, end, lambda _: None)
    engine.dispose()


def supervise(command: list[str], folder: Path, month: Month, kills: int, console: Console) -> int:
    """Start the child, kill it at random, start it again, until it has finished; gives how often it died."""
    start, end = span(month)
    chance, died = random.Random(month.seed), 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{month.first}", total=(end - start).total_seconds())
        while True:
            child = subprocess.Popen([*command, "--child"])
            last = time.monotonic() + chance.uniform(6, 40) if died < kills else float("inf")
            while child.poll() is None and time.monotonic() < last:
                time.sleep(0.3)
                at = Reached.open(folder / "month.json", start).at
                bar.update(
                    task,
                    completed=(at - start).total_seconds(),
                    description=f"{at.astimezone(SHANGHAI):%m-%d %H:%M}",
                )
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
                died += 1
            elif child.returncode:
                raise SystemExit(f"the simulation failed with exit code {child.returncode}")
            else:
                return died


def show(verdict: Verdict, console: Console) -> None:
    """What was counted, and what is wrong."""
    table = Table("", "", show_header=False)
    for name, count in sorted(verdict.counts.items()):
        table.add_row(name, f"{count:,}")
    console.print(table)
    for problem in verdict.problems[:40]:
        console.print(f"[red]{problem}[/red]")
    console.print(f"{len(verdict.problems)} problems" if verdict.problems else "every invariant holds")


def main() -> int:
    """Run the month and judge it."""
    options = _arguments().parse_args()
    month = Month(options.first, options.days, options.calls, options.seed)
    options.data.mkdir(parents=True, exist_ok=True)
    database = options.database or f"sqlite:///{options.data / 'hotline.sqlite3'}"
    if options.child:
        work(database, options.data, month)
        return 0
    console, began = Console(stderr=True), time.monotonic()
    command = [sys.executable, __file__, *sys.argv[1:]]
    died = supervise(command, options.data, month, options.kills, console)
    engine = make_engine(database)
    verdict = judge(engine, build(engine, month)[0])
    engine.dispose()
    show(verdict, console)
    seconds = time.monotonic() - began
    console.print(f"{seconds:.0f} s, killed {died} times")
    print(
        json.dumps(
            {"seconds": round(seconds), "killed": died, **verdict.counts, "problems": verdict.problems[:40]}
        )
    )
    return 1 if verdict.problems else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "month")
    parser.add_argument("--database", default="", help="URL; default: SQLite in the data folder")
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 10, 1), help="Shanghai day")
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--calls", type=int, default=32_000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
