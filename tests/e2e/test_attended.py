"""The whole line with a person at a desk phone: queue, talk, both voices understood, a mark given."""

import json
import shutil
import socket
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.e2e.conftest import StartLine
from tests.e2e.line import LineProcess, wait_for
from tests.e2e.phones import MODULES, PASSWORD, REALM, users_file
from tests.e2e.ports import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]


class Phone:
    """A baresip that speaks a file and does what it is told."""

    def __init__(
        self, folder: Path, account: str, voice: Path | None, lead_s: float, then: bytes = bytes(90 * 16_000)
    ) -> None:
        """`then`: what is heard after the words, s16le at 8 kHz."""
        folder.mkdir()
        self.folder = folder
        self._control = free_port()
        self.port = free_port(socket.SOCK_DGRAM)
        _sound(folder / "voice.wav", lead_s, voice, then)
        (folder / "accounts").write_text(account + "\n")
        (folder / "config").write_text(
            f"sip_listen 127.0.0.1:{self.port}\n"
            f"ctrl_tcp_listen 127.0.0.1:{self._control}\n"
            f"module_path {MODULES}\nsnd_path {folder}\nnet_interface 127.0.0.1\n"
            f"audio_source aufile,{folder}/voice.wav\naudio_player aubridge,nowhere\n"
            "module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"
            "module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n"
        )

    @contextmanager
    def on(self, dial: str = "") -> Iterator[None]:
        command = ["baresip", "-f", str(self.folder), "-t", "300", *(["-e", f"/dial {dial}"] if dial else [])]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                yield
            finally:
                process.terminate()
                process.wait(10)

    def tell(self, command: str, params: str = "") -> None:
        text = json.dumps({"command": command, "params": params})
        with socket.create_connection(("127.0.0.1", self._control), timeout=5) as wire:
            wire.sendall(f"{len(text)}:{text},".encode())
            wire.recv(4096)

    def say(self, voice: Path) -> None:
        """Say this from now on instead, and nothing more."""
        _sound(self.folder / "then.wav", 0.5, voice, bytes(10 * 16_000))
        self.tell("ausrc", f"aufile,{self.folder}/then.wav")

    def heard_seconds(self) -> float:
        """How long something loud was heard."""
        (dump,) = self.folder.glob("dump-*-dec.wav")
        with wave.open(str(dump)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        rows = samples[: len(samples) // 160 * 160].reshape(-1, 160)
        return float((np.sqrt((rows**2).mean(axis=1)) > 300).sum() * 160 / rate)


def _sound(target: Path, lead_s: float, voice: Path | None, then: bytes) -> None:
    """Silence, a voice at 16 kHz, and what comes then, as a phone's file at 8 kHz."""
    spoken = b""
    if voice is not None:
        with wave.open(str(voice)) as file:
            words = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        spoken = soxr.resample(words, 16_000, 8_000).tobytes()
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(int(lead_s * 8_000) * 2) + spoken + then)


def kinds(line: LineProcess) -> list[str]:
    return [str(row["kind"]) for row in line.rows("SELECT kind FROM acd_log ORDER BY id")]


def test_a_person_answers_at_a_desk_phone(
    start_line: StartLine, brief_flows: Path, short_voice: Path, tmp_path: Path
) -> None:
    users = users_file(tmp_path / "phones", "8001")
    line = start_line(
        brief_flows,
        registrar__users_file=str(users),
        registrar__realm=REALM,
        registrar__algorithms='["MD5"]',
        acd__wrap_up_s="1",
    )
    done = line.command("agents", "set", "li", "--display", "李律师", "--phone", "8001", "--phone-only")
    assert done.returncode == 0, done.stderr
    account = f"<sip:8001@127.0.0.1:{line.sip_port}>;auth_pass={PASSWORD};regint=60;answermode=auto"
    agent = Phone(tmp_path / "agent", account, short_voice, 1.0)
    caller = Phone(tmp_path / "caller", "<sip:13800001234@127.0.0.1>;regint=0", short_voice, 25.0)
    with agent.on():
        wait_for(lambda: "ready" in kinds(line), 60, "the agent is ready")
        with caller.on(line.uri):
            wait_for(lambda: "connect" in kinds(line), 60, "the agent has the call")
            speakers = "SELECT DISTINCT speaker FROM utterances WHERE text <> ''"
            wait_for(lambda: len(line.rows(speakers)) == 2, 90, "both are understood")
            agent.tell("hangup")
            wait_for(lambda: "completeagent" in kinds(line), 20, "the agent has hung up")
            caller.tell("sndcode", "5")
            (row,) = line.balanced(1, seconds=60)
            wait_for(lambda: "survey" in kinds(line), 20, "the mark is written")
    assert (row["outcome"], row["detail"]) == ("answered", "local_hangup")
    legs = line.rows("SELECT * FROM legs ORDER BY speaker")
    assert [(leg["speaker"], leg["remote"]) for leg in legs] == [("agent", "li"), ("caller", "13800001234")]
    assert all(leg["utterances"] > 0 for leg in legs)
    (survey,) = line.rows("SELECT * FROM acd_log WHERE kind = 'survey'")
    assert json.loads(survey["facts"])["score"] == 5
    wanted = ["enterqueue", "ringagent", "connect", "completeagent"]
    assert [kind for kind in kinds(line) if kind in wanted] == wanted
    assert line.orders() == []  # a person files it
    assert agent.heard_seconds() > 1  # some words, however late a busy machine connects them
    assert caller.heard_seconds() > 8
    left, right = channels(line.data / "recordings" / row["recording"])
    assert loud(left) > 1
    assert loud(right) > 5


def channels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return sound[:, 0], sound[:, 1]


def loud(channel: np.ndarray) -> float:
    """Seconds of sound."""
    rows = channel[: len(channel) // 160 * 160].reshape(-1, 160).astype(float)
    return float((np.sqrt((rows**2).mean(axis=1)) > 300).sum() / 50)
