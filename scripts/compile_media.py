"""Compiles the per-packet part of the gateway with mypyc: the same source, about a quarter less CPU a packet.

    python scripts/compile_media.py            # builds .so files beside their sources
    python scripts/compile_media.py --clean    # removes them: pure Python again

Two small kernels in C, which only take packets that come in order, are built too (docs/decisions/006).

Needs a C compiler and Python's headers (Debian: gcc, python3-dev) and the `dev` extra. Nothing else changes:
without the .so files the very same modules run as Python. A .so hides its .py, so build anew after each
change; `hotline doctor` and the tests say when one is older than its source.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = (
    "hotline/gateway/rtp.py",
    "hotline/gateway/rtp_wire.py",
    "hotline/gateway/jitter.py",
    "hotline/gateway/latch.py",
    "hotline/gateway/dtmf.py",
    "hotline/gateway/playout.py",
    "hotline/gateway/rtp_receive.py",
    "hotline/gateway/rtp_send.py",
    "hotline/gateway/coded_prompt.py",
    "hotline/gateway/voice.py",
    "hotline/gateway/rtp_party.py",
    "hotline/gateway/rtp_leg.py",
)
"""What runs for every packet and every tick."""
KERNELS = ("hotline/gateway/_lane.c", "hotline/call/_tape.c")
"""The ordinary course of a leg, and of its recording, in C; `lane.py` and `tape.py` beside them do without
where they are not built."""

_SETUP = """
from mypyc.build import mypycify
from setuptools import Extension, setup
modules = {modules!r}
setup(
    name="hotline-media",
    packages=[],
    ext_modules=[
        *mypycify([*modules, "--follow-imports=silent"], opt_level="3"),
        *(
            Extension(kernel.removesuffix(".c").replace("/", "."), [kernel], extra_compile_args=["-O3"])
            for kernel in {kernels!r}
        ),
    ],
)
"""


def built(root: Path) -> list[Path]:
    """The compiled files there are."""
    sources = [root / name for name in (*MODULES, *KERNELS)]
    found = [path for source in sources for path in source.parent.glob(f"{source.stem}.*.so")]
    return [*found, *root.glob("*__mypyc*.so")]


def clean(root: Path) -> None:
    """Remove them."""
    for path in built(root):
        path.unlink()


def build(root: Path) -> int:
    """Compile into `root`; the exit status of the compiler."""
    clean(root)
    with tempfile.TemporaryDirectory() as name:
        setup = Path(name) / "setup.py"
        setup.write_text(_SETUP.format(modules=MODULES, kernels=KERNELS))
        command = [
            sys.executable,
            str(setup),
            "build_ext",
            "--inplace",
            "--build-temp",
            name,
            "--build-lib",
            name,
        ]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
    else:
        print(f"compiled {len(built(root))} files")
    return done.returncode


def main() -> int:
    """Build, or remove what was built."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="another copy of the project")
    asked = parser.parse_args()
    if asked.clean:
        clean(asked.root)
        return 0
    return build(asked.root)


if __name__ == "__main__":
    sys.exit(main())
