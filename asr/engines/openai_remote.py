"""A server with OpenAI's transcription endpoint (`POST …/v1/audio/transcriptions`), as vLLM serves it.

https://platform.openai.com/docs/api-reference/audio/createTranscription and
https://docs.vllm.ai/en/latest/serving/online_serving/speech_to_text/
"""

import io
import json
import math
import wave
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, Segment
from asr.errors import EngineFailed
from asr.registry import EngineOptions
from asr.remote import Broken, Deadline, checked_url, read_secret, tls_context
from asr.transcript import Hypothesis, Word

LONGEST_REPLY = 1 << 20
"""Bytes of a reply that are read."""
CHARACTERS_A_SECOND, SPARE_CHARACTERS = 20, 60
"""A server that sends more text than anybody can say in the time is not believed."""
SHORTEST = SAMPLE_RATE // 10
"""OpenAI refuses audio of less than 0.1 s: it is padded with silence."""
AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}
"""Answers after which another try may help."""


class OpenAiOptions(EngineOptions):
    """Options of this engine."""

    engine: Literal["openai_remote"] = "openai_remote"
    url: str = "http://127.0.0.1:8000/v1/audio/transcriptions"
    served_model: str = "openai/whisper-large-v3"
    """The model's name on the server."""
    response_format: Literal["json", "verbose_json"] = "json"
    """`verbose_json` gives times, where the server and its model can."""
    language: str = "zh"
    prompt: str = ""
    temperature: float = Field(default=0.0, ge=0, le=1)
    key_env: str = "HOTLINE_ASR_KEY"
    """Environment variable that holds the key; without a key none is sent."""
    key_file: Path | None = None
    """File that holds it; goes before the variable."""
    connections: int = Field(default=4, ge=1, le=32)
    """Utterances asked at once."""
    tries: int = Field(default=3, ge=1, le=5)
    seconds: float = Field(default=12.0, ge=1, le=120)
    """Longest time for a batch; a second more for each second of its longest utterance."""
    connect_s: float = Field(default=3.0, ge=0.2, le=30)
    ca: Path | None = None
    """Certificates that may sign the server's (PEM); default: what the system trusts."""
    verify: bool = True
    """Check the server's certificate."""
    clear: bool = False
    """Allow `http://` beyond loopback."""


class OpenAiEngine:
    """Asks the server for each utterance; starts without it."""

    def __init__(self, options: OpenAiOptions) -> None:
        """Check the options and read the key. Raises `EngineFailed`."""
        import httpx

        checked_url("openai", options.url, ("https", "http"), clear=options.clear)
        key = read_secret("openai", options.key_env, options.key_file)
        self._options = options
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            verify=tls_context("openai", options.ca, verify=options.verify),
            trust_env=False,  # no proxy and no .netrc of the environment: voices and key go where url says
            follow_redirects=False,
        )
        weakref.finalize(self, self._client.close)

    def transcribe(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """Read ended utterances, several at once. Raises `EngineFailed`."""
        if not segments:
            return []
        longest = max(each.end - each.start for each in segments) / SAMPLE_RATE
        deadline = Deadline.after(self._options.seconds + longest)
        with ThreadPoolExecutor(min(len(segments), self._options.connections)) as threads:
            return list(threads.map(lambda segment: self._one(segment, deadline), segments))

    def sketch(self, segments: Sequence[Segment]) -> list[Hypothesis]:
        """The same: the endpoint knows no quicker way."""
        return self.transcribe(segments)

    def _one(self, segment: Segment, deadline: Deadline) -> Hypothesis:
        if not segment.pcm:
            return Hypothesis("")
        sound = wav(segment.pcm)
        reason = "no time left"
        for attempt in range(self._options.tries):
            asked: float | None = None
            try:
                return hypothesis_of(self._ask(sound, deadline), segment)
            except _Later as error:
                reason, asked = str(error), error.seconds
            except Broken as error:
                reason = str(error)
            if attempt + 1 == self._options.tries or not deadline.rest(attempt, asked):
                break
        raise EngineFailed(f"openai: {reason}")

    def _ask(self, sound: bytes, deadline: Deadline) -> dict[str, Any]:
        """One request. Raises `Broken`, or `EngineFailed` when no other try can help."""
        import httpx

        patience = httpx.Timeout(
            max(0.05, deadline.left), connect=max(0.05, min(self._options.connect_s, deadline.left))
        )
        try:
            with self._client.stream(
                "POST",
                self._options.url,
                data=self._fields(),
                files={"file": ("utterance.wav", sound, "audio/wav")},
                timeout=patience,
            ) as response:
                return _content(response.status_code, response.headers, _body(response, deadline))
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            # `from None`: the library's error holds the request, and with it the key
            raise Broken(f"the server cannot be asked ({type(error).__name__})") from None

    def _fields(self) -> dict[str, str]:
        options = self._options
        fields = {
            "model": options.served_model,
            "response_format": options.response_format,
            "language": options.language,
            "temperature": str(options.temperature),
        }
        if options.prompt:
            fields["prompt"] = options.prompt
        if options.response_format == "verbose_json":
            fields["timestamp_granularities[]"] = "segment"
        return fields


class _Later(Broken):
    """The server asks for patience."""

    def __init__(self, reason: str, seconds: float | None) -> None:
        super().__init__(reason)
        self.seconds = seconds


def wav(pcm: bytes) -> bytes:
    """16 kHz s16le mono as a WAV file, at least a tenth of a second long."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(BYTES_PER_SAMPLE)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(pcm.ljust(SHORTEST * BYTES_PER_SAMPLE, b"\0"))
    return file.getvalue()


def _body(response: Any, deadline: Deadline) -> bytes:
    found = bytearray()
    for chunk in response.iter_bytes(1 << 16):
        found += chunk
        if len(found) > LONGEST_REPLY:
            raise Broken("the reply is too long")
        if not deadline.left:
            raise Broken("no answer in time")
    return bytes(found)


def _content(status: int, headers: Any, body: bytes) -> dict[str, Any]:
    """The reply's object. What a refusal says is not repeated: it may quote the request."""
    if status in {401, 403}:
        raise EngineFailed(f"openai: the server refuses the key ({status})")
    if status in AGAIN:
        raise _Later(f"the server answers {status}", _retry_after(headers.get("retry-after", "")))
    if status != 200:
        raise EngineFailed(f"openai: the server answers {status}")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Broken("malformed reply") from error
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        raise Broken("malformed reply")
    return said


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header; None for none, or for a date (RFC 9110 §10.2.3)."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None


def hypothesis_of(said: dict[str, Any], segment: Segment) -> Hypothesis:
    """The reply's text, with times where it has them. Raises `Broken` for what cannot have been said."""
    text = said["text"].strip()
    samples = segment.end - segment.start
    if len(text) > SPARE_CHARACTERS + samples * CHARACTERS_A_SECOND // SAMPLE_RATE:
        raise Broken("more text than can have been said")
    if not any(each.isalnum() for each in text):
        return Hypothesis("")
    pieces = said.get("words") or said.get("segments") or ()
    words = _words(pieces, segment) if isinstance(pieces, list) else ()
    if "".join(word.text for word in words).replace(" ", "") != text.replace(" ", ""):
        words = ()  # of another text: no times rather than wrong ones
    return Hypothesis(text, words, _confidence(said.get("segments")))


def _words(pieces: list[Any], segment: Segment) -> tuple[Word, ...]:
    length, before = segment.end - segment.start, 0
    words = []
    for piece in pieces:
        if not isinstance(piece, dict):
            return ()
        text, start, end = (
            piece.get("word", piece.get("text")),
            _samples(piece, "start"),
            _samples(piece, "end"),
        )
        if not isinstance(text, str) or start is None or end is None:
            return ()
        first = min(max(before, start), length)
        last = min(max(first, end), length)
        if text.strip():
            words.append(Word(text.strip(), segment.start + first, segment.start + last))
            before = first
    return tuple(words)


def _samples(piece: dict[str, Any], key: str) -> int | None:
    """A time in seconds as samples; None for what is no time."""
    value = piece.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 86_400:
        return None
    return round(value * SAMPLE_RATE)


def _confidence(pieces: Any) -> float | None:
    """The geometric mean of what the segments' tokens scored."""
    if not isinstance(pieces, list) or not pieces:
        return None
    said = [each.get("avg_logprob") if isinstance(each, dict) else None for each in pieces]
    scores = [each for each in said if isinstance(each, float) and math.isfinite(each)]
    if len(scores) != len(pieces):
        return None
    return math.exp(min(0.0, sum(scores) / len(scores)))


OPTIONS = OpenAiOptions


def make(options: OpenAiOptions, folder: Path, threads: int) -> OpenAiEngine:
    """The engine; it has no weights here. Raises `EngineFailed` for options that cannot be."""
    del folder, threads
    return OpenAiEngine(options)
