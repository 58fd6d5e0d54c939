"""The whole line as a child process with its own data, and what the tests ask of it from outside."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from hotline.conversation import Outcome
from tests.e2e.ports import line_ports, not_bound, sipp_ports

ROOT = Path(__file__).parents[2]
SCENARIOS = Path(__file__).parent / "sipp"
PCAPS = Path("/usr/share/sip-tester")
HOTLINE = (sys.executable, "-m", "hotline")
SCRIPTED = '{"engine": "scripted"}'
"""For tests in which nobody speaks: the line is up sooner."""
OUTCOMES = {each.value for each in Outcome}

BRIEF = {
    "greeting": "您好。",
    "recording_notice": "这次通话会录音。",
    "nobody_free": "请留言。",
    "take_message": "请说。",
    "order_filed": "登记好了。",
    "order_number": "编号是：{number}。",
    "order_number_again": "再见。",
    "rate_service": "请打分。",
    "callback_greeting": "您好。",
    "callback_notice": "这次通话会录音。",
    "goodbye": "再见。",
}
"""Prompts of few words, for tests that are not about the prompts."""


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`; fails saying `what` was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def copy_flows(folder: Path, *, brief: bool = False, webhooks: dict[str, str] | None = None) -> Path:
    """The line's own flow folder, with short prompts or with units that want webhooks."""
    flows = folder / "ivr_flows"
    shutil.copytree(ROOT / "ivr_flows", flows)
    if brief:
        change_yaml(flows / "prompts/zh-CN.yaml", lambda data: data["prompts"].update(BRIEF))
        change_yaml(flows / "12348.yaml", ask_nothing)
    if webhooks:
        units = {unit: {"webhook": address} for unit, address in webhooks.items()}
        change_yaml(flows / "routing.yaml", lambda data: data["units"].update(units))
    return flows


def ask_nothing(flow: dict[str, Any]) -> None:
    """What a message lacks is not asked for: each question takes seconds."""
    message = flow["nodes"]["message"]
    message["next"] = message["no_match"]["then"] = "file"
    for name in ("details", "ask_place", "ask_phone"):
        del flow["nodes"][name]


def change_yaml(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


@dataclass
class LineProcess:
    """One `hotline serve`. A second one may be started on the same folder after the first has died."""

    folder: Path
    cache: Path
    """Prompts spoken before, shared by all lines of a test run."""
    settings: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    sip_port: int = 0
    web: str = ""
    starts: int = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOTLINE__PATHS__DATA": str(self.data),
            "PYTHONPATH": str(ROOT),
            **self.settings,
        }

    @property
    def log(self) -> Path:
        """What the process now running has written to stderr."""
        return self.folder / f"stderr-{self.starts}.log"

    @property
    def uri(self) -> str:
        return f"sip:12348@127.0.0.1:{self.sip_port}"

    def start(self) -> "LineProcess":
        self.data.mkdir(parents=True, exist_ok=True)
        if self.cache.is_dir():
            shutil.copytree(self.cache, self.data / "prompts", dirs_exist_ok=True)
        low, high = line_ports(100)
        ports = {
            "HOTLINE__SIP__PORT": "0",
            "HOTLINE__WEB__PORT": "0",
            "HOTLINE__MEDIA__PORT_MIN": str(low),
            "HOTLINE__MEDIA__PORT_MAX": str(high),
        }
        self.starts += 1
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*HOTLINE, "serve"],
                cwd=self.folder,
                env={**ports, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._up, 90, "the line is up")
        shutil.copytree(self.data / "prompts", self.cache, dirs_exist_ok=True)
        return self

    def _up(self) -> bool:
        said = self.log.read_text(encoding="utf-8")
        assert self.process is not None
        assert self.process.poll() is None, said
        dial = re.search(r"^dial  sip:12348@127\.0\.0\.1(?::(\d+))?$", said, re.MULTILINE)
        page = re.search(r"^page  (http://\S+)$", said, re.MULTILINE)
        if dial and page:
            self.sip_port, self.web = int(dial[1] or 5060), page[1]
        return bool(dial and page)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9, as a crash or the lack of memory would."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(10)
        psutil.wait_procs(children, timeout=10)

    def stop(self) -> None:
        """SIGTERM; fails unless it then ends as it should."""
        assert self.process is not None
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise
        assert code == 0, self.log.read_text(encoding="utf-8")[-6_000:]

    def asr_worker(self) -> psutil.Process | None:
        """The recognition worker, when there is one."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if "asr.worker" in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Read from the line's database; JSON columns are left as text."""
        with sqlite3.connect(
            f"file:{self.data / 'hotline.sqlite3'}?mode=ro", uri=True, timeout=10
        ) as database:
            database.row_factory = sqlite3.Row
            found = [dict(row) for row in database.execute(sql, values)]
        database.close()
        return found

    def calls(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM calls ORDER BY started")

    def orders(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM work_orders ORDER BY id")

    def fields(self, number: str) -> dict[str, str]:
        """An order's form: name → value."""
        order = "SELECT id FROM work_orders WHERE number = ?"
        found = self.rows(f"SELECT name, value FROM order_fields WHERE order_id = ({order})", number)
        return {row["name"]: row["value"] for row in found}

    def balanced(self, placed: int, seconds: float = 15) -> list[dict[str, Any]]:
        """Wait until exactly `placed` calls are on record, each closed with one outcome; returns them."""
        wait_for(
            lambda: len(done := self.calls()) == placed and all(row["state"] == "closed" for row in done),
            seconds,
            f"{placed} closed records, have {[(row['state'], row['outcome']) for row in self.calls()]}",
        )
        calls = self.calls()
        assert all(row["outcome"] in OUTCOMES and row["ended"] for row in calls)
        orders = self.orders()
        assert len({order["call_id"] for order in orders}) == len(orders), "an order was doubled"
        assert len({order["number"] for order in orders}) == len(orders)
        known = {row["id"] for row in calls}
        assert all(order["call_id"] in known for order in orders)
        by_call = {order["call_id"]: [order["number"]] for order in orders}
        for row in calls:
            assert json.loads(row["orders"]) == by_call.get(row["id"], []), row["id"]
        return calls

    def command(
        self, *arguments: str, timeout: float = 60, **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command line on this line's data."""
        return subprocess.run(
            [*HOTLINE, *arguments],
            cwd=self.folder,
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def call(self, voice: Path, *options: str) -> "subprocess.Popen[str]":
        """Place a test call in the background."""
        return subprocess.Popen(
            [*HOTLINE, "call", str(voice), "--to", self.uri, *options],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sipp(self, *arguments: str, calls: int = 1, seconds: int = 60) -> "Sipp":
        return Sipp(self, arguments, calls, seconds)


class Sipp:
    """A sipp process that has been started."""

    STARTS = 5
    """One that finds its ports taken between our look and its own bind is started again with others."""
    BOUND_S = 0.5
    """It has its ports, or has died for want of them, well within this."""

    def __init__(self, line: LineProcess, arguments: Sequence[str], calls: int, seconds: int) -> None:
        self._command = ["sipp", "-s", "12348", f"127.0.0.1:{line.sip_port}", "-i", "127.0.0.1", "-nostdin"]
        self._command += ["-m", str(calls), "-timeout", str(seconds), "-timeout_error", "-trace_err"]
        self._command += arguments
        self._seconds = seconds
        for _ in range(self.STARTS):
            self._folder = line.folder / f"sipp-{random.randrange(10**9)}"
            (self._folder / "pcap").mkdir(parents=True)
            for source in PCAPS.glob("*.pcap"):
                (self._folder / "pcap" / source.name).symlink_to(source)
            self._process = self._start()
            if not self._found_ports_taken():
                return

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self._folder / "screen").open("wb") as screen:
            return subprocess.Popen(
                [*self._command, *sipp_ports()],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )

    def _found_ports_taken(self) -> bool:
        try:
            code = self._process.wait(self.BOUND_S)
        except subprocess.TimeoutExpired:
            return False
        return code != 0 and not_bound(self._errors() + self._screen())

    def _errors(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self._folder.glob("*_errors.log"))

    def _screen(self) -> str:
        return (self._folder / "screen").read_text(errors="replace")

    def passed(self) -> str:
        """Wait until it is done; fails with its own complaints. Returns its last screen."""
        code = self._process.wait(self._seconds + 10)
        assert code == 0, self._errors()[:3_000] or self._screen()[-2_000:]
        return self._screen()


def ended(call: "subprocess.Popen[str]", seconds: float) -> str:
    """Wait for a `hotline call`; fails unless it was answered. Returns what it says about the call."""
    try:
        said = call.communicate(timeout=seconds)[1]
    finally:
        call.kill()
    assert call.returncode == 0, said
    return said
