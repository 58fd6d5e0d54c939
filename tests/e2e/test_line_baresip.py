"""A real softphone: hears the greeting, presses keys, speaks a file, is understood, and is hung up on."""

import json
import shutil
import socket
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.e2e.conftest import StartLine
from tests.e2e.line import wait_for
from tests.e2e.ports import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]
MODULES = Path("/usr/lib/baresip/modules")
LEAD_SECONDS = 12
"""Silence before the file's words: the brief prompts take less."""


def test_baresip_is_understood(
    start_line: StartLine, brief_flows: Path, demo_voice: Path, tmp_path: Path
) -> None:
    line = start_line(brief_flows)
    control = configure(tmp_path, demo_voice)
    phone = subprocess.Popen(
        ["baresip", "-f", str(tmp_path), "-t", "120", "-e", f"/dial {line.uri}"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(line.calls, 10, "the call")
        press(control, "1")  # while the greeting plays
        wait_for(lambda: line.rows("SELECT * FROM utterances"), 60, "the first words")
        (row,) = line.balanced(1, seconds=90)
    finally:
        phone.terminate()
        phone.wait(10)
    assert (row["outcome"], row["detail"]) == ("order_filed", "local_hangup")
    assert row["digits"] == "1"
    (order,) = line.orders()
    wait_for(lambda: line.orders()[0]["state"] == "dispatched", 20, "the order is dispatched")
    assert (order["matter"], order["district"]) == ("labour.wages", "510116")
    fields = line.fields(json.loads(row["orders"])[0])
    assert (fields["people"], fields["amount"]) == ("13", "186000")
    (leg,) = line.rows("SELECT * FROM legs")
    assert leg["received"] > 50 * LEAD_SECONDS
    heard_the_prompts(next(tmp_path.glob("dump-*-dec.wav")))


def heard_the_prompts(dump: Path) -> None:
    with wave.open(str(dump)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    seconds = samples[: len(samples) // rate * rate].reshape(-1, rate)
    loud = np.sqrt((seconds**2).mean(axis=1)) > 300
    assert loud[:4].any()  # the greeting
    assert loud[-8:].any()  # number and goodbye
    spectrum = np.abs(np.fft.rfft(samples))
    voice = spectrum[np.fft.rfftfreq(len(samples), 1 / rate) > 80]
    assert (voice.max() ** 2) / (voice**2).sum() < 0.2  # speech, no tone


def configure(folder: Path, voice: Path) -> int:
    """Write baresip's own files; returns the port of its control interface."""
    with wave.open(str(voice)) as file:
        words = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    words = soxr.resample(words, 16_000, 8_000)
    with wave.open(str(folder / "voice.wav"), "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(LEAD_SECONDS * 16_000) + words.tobytes() + bytes(60 * 16_000))
    control = free_port()
    (folder / "accounts").write_text("<sip:13800001234@127.0.0.1>;regint=0\n")
    (folder / "config").write_text(
        f"sip_listen 127.0.0.1:{free_port()}\nctrl_tcp_listen 127.0.0.1:{control}\n"
        f"module_path {MODULES}\nsnd_path {folder}\nnet_interface 127.0.0.1\n"
        f"audio_source aufile,{folder}/voice.wav\naudio_player aubridge,nowhere\n"
        "module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n"
        "module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n"
    )
    return control


def press(control: int, key: str) -> None:
    text = json.dumps({"command": "sndcode", "params": key})
    with socket.create_connection(("127.0.0.1", control), timeout=5) as wire:
        wire.sendall(f"{len(text)}:{text},".encode())
        wire.recv(4096)
