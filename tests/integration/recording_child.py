"""Records in real time until it is killed; says on stdout how many samples it has pushed."""

import sys
import time
from pathlib import Path

import numpy as np

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId
from hotline.call.recording import Recorder


def main() -> None:
    recorder = Recorder(Path(sys.argv[1]), "torn")
    recorder.start(0)
    pcm = np.full(FRAME_SAMPLES, 4000, "<i2").tobytes()
    began = time.monotonic()
    for number in range(10_000):
        frame = AudioFrame(LegId("leg"), number * FRAME_SAMPLES, pcm)
        recorder.push(0, frame)
        if number % 3:
            recorder.push(1, frame)
        sys.stdout.write(f"{frame.end}\n")
        sys.stdout.flush()
        time.sleep(max(0.0, began + 0.02 * number - time.monotonic()))


if __name__ == "__main__":
    main()
