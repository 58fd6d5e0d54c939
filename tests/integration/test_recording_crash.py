"""A recording survives kill -9 of its process up to the last second."""

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

from hotline.call.recording import recover

pytestmark = pytest.mark.integration

CHILD = Path(__file__).with_name("recording_child.py")


@pytest.mark.parametrize("seconds", [1.3, 2.05, 2.9])
def test_killed_in_mid_call(tmp_path: Path, seconds: float) -> None:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(tmp_path)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        pushed = int(child.stdout.read().split()[-1]) / 16_000
    part = tmp_path / "torn.part.wav"
    with wave.open(str(part)) as file:
        assert pushed - file.getnframes() / 8000 < 1.0
        playable = file.getnframes()
        assert len(file.readframes(playable)) == 4 * playable
    assert recover(tmp_path) == ("torn.wav",)
    with wave.open(str(tmp_path / "torn.wav")) as file:
        assert file.getnframes() >= playable
