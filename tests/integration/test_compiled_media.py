"""The compiled media path does what the Python one does: its unit tests run against the compiled modules."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
HEADERS = Path(sysconfig.get_paths()["include"]) / "Python.h"
TESTS = (
    "test_rtp.py",
    "test_jitter.py",
    "test_latch.py",
    "test_dtmf.py",
    "test_playout.py",
    "test_rtp_receive.py",
    "test_rtp_send.py",
)


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.skipif(not HEADERS.is_file(), reason="needs Python's headers (python3-dev)")
def test_same_tests_pass_compiled(tmp_path: Path) -> None:
    for folder in ("hotline", "asr", "workorders", "tests"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    script = [sys.executable, str(ROOT / "scripts/compile_media.py"), "--root", str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compiled" in done.stdout
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    probe = "import hotline.gateway.jitter as found; print(found.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", probe],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip().endswith(".so")
    tests = [f"tests/unit/hotline/gateway/{name}" for name in TESTS]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *tests,
        "tests/unit/hotline/call/test_tape.py",
        "tests/unit/hotline/call/test_recording.py",
        "tests/integration/test_rtp_session.py",
        "tests/integration/test_lane.py",
    ]
    ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
