"""Prompt id -> audio: a recorded file wins, else cached speech, else a tone and a warning."""

import hashlib
import logging
import math
import os
import re
import struct
import tempfile
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, Self

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from hotline.errors import ConfigError, PromptUnavailable
from hotline.ivr.flow import PromptId
from hotline.yaml_file import read_model

log = logging.getLogger(__name__)

PLACE = re.compile(r"\{([a-z_]+)\}")
"""A place in a prompt's text where a value is read out, e.g. `{number}`."""

SPOKEN = re.compile(r"[^\W_]")
"""Text without any such character cannot be spoken: punctuation beside a value."""

PAUSE_SECONDS = 0.25
"""Between prompts and around a value."""
GROUP_SECONDS = 0.35
"""Between groups of digits: time to write them down."""
DIGIT_SECONDS = 0.06
"""Between digits."""
GROUP_MAX = 4
"""Digits a person keeps in mind at a time."""
RECORDING_SECONDS_MAX = 120
"""Longest recorded prompt."""
CACHE_BYTES_MAX = RECORDING_SECONDS_MAX * SAMPLE_RATE * BYTES_PER_SAMPLE


class Speech(Protocol):
    """Makes speech of text."""

    @property
    def voice(self) -> str:
        """Names voice and version: other audio for the same text needs another name."""

    async def synthesize(self, text: str) -> bytes:
        """16 kHz s16le mono. Raises `PromptUnavailable` when it cannot speak."""


class _PromptFile(BaseModel):
    """prompts/<language>.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}-[A-Z]{2}$")]
    prompts: dict[PromptId, Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(
        max_length=2_000
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far `PromptBook.prepare` has come."""

    done: int
    total: int
    """Pieces of speech to make."""


def load_texts(path: Path) -> dict[str, str]:
    """Prompt id -> text. Raises `ConfigError` naming file and field."""
    return read_model(path, _PromptFile).prompts


def pieces(text: str) -> list[tuple[str, bool]]:
    """A prompt's text as (words, False) and (value name, True), in order; unspeakable bits left out."""
    parts = PLACE.split(text)
    named = [(part, index % 2 == 1) for index, part in enumerate(parts)]
    return [(part, is_value) for part, is_value in named if is_value or SPOKEN.search(part)]


class PromptBook:
    """The sounds of all prompts of one language, in memory: 32 kB a second, a few megabytes in all."""

    def __init__(
        self, texts: Mapping[str, str], recordings: Path, cache: Path, speech: Speech | None
    ) -> None:
        self._texts = texts
        self._recordings = recordings
        self._cache = cache
        self._speech = speech
        self._recorded: dict[str, bytes] = {}
        self._spoken: dict[str, bytes] = {}
        self._tone = _tone()

    @classmethod
    def load(
        cls, flows: Path, cache_dir: Path, speech: Speech | None = None, language: str = "zh-CN"
    ) -> Self:
        """Read texts, recordings and what is cached already.

        `flows` is the folder ivr_flows, `cache_dir` is made when needed. Without `speech` only recordings
        are heard. Raises `ConfigError` when the texts or a recording cannot be used.
        """
        folder = flows / "prompts"
        book = cls(load_texts(folder / f"{language}.yaml"), folder / "audio", cache_dir, speech)
        book._read_recordings()
        book._read_cache()
        return book

    def missing(self) -> list[str]:
        """Texts that have no audio yet, each once."""
        wanted = {
            words: None
            for prompt, text in self._texts.items()
            if prompt not in self._recorded
            for words, is_value in pieces(text)
            if not is_value
        }
        return [words for words in wanted if words not in self._spoken]

    async def prepare(self, progress: Callable[[Progress], None] | None = None) -> list[str]:
        """Make and cache all missing speech; returns the texts that still have none (a tone is heard).

        Cancelling keeps what was made. Raises nothing: a line that cannot speak still takes calls.
        """
        todo, failed = self.missing(), []
        for done, text in enumerate(todo):
            if progress is not None:
                progress(Progress(done, len(todo)))
            try:
                self._spoken[text] = await self._make(text)
            except PromptUnavailable as error:
                log.warning("prompt speech could not be made", extra={"reason": str(error)})
                failed.append(text)
        if progress is not None:
            progress(Progress(len(todo), len(todo)))
        return failed

    def audio(self, ids: Sequence[str], values: Mapping[str, str]) -> bytes:
        """16 kHz s16le mono of the prompts one after the other. From memory, never raises.

        A place whose value is not in `values` is left out; a prompt without audio is a tone, and a warning
        is logged.
        """
        pause = _silence(PAUSE_SECONDS)
        return pause.join(self._prompt(prompt, values) for prompt in ids)

    def _prompt(self, prompt: str, values: Mapping[str, str]) -> bytes:
        recorded = self._recorded.get(prompt)
        text = self._texts.get(prompt, "")
        if recorded is not None and not PLACE.search(text):
            return recorded
        sounds = [recorded] if recorded is not None else []
        for words, is_value in pieces(text):
            if is_value:
                sounds.append(self._read_out(prompt, values.get(words, "")))
            elif recorded is None:
                sounds.append(self._sound(prompt, words))
        if not sounds:
            log.warning("prompt has no text", extra={"prompt": prompt})
            return self._tone
        return _silence(PAUSE_SECONDS).join(sounds)

    def _read_out(self, prompt: str, value: str) -> bytes:
        """A number, group by group. Characters without a `key.<character>` prompt are not read."""
        spoken = [
            _silence(DIGIT_SECONDS).join(
                self._recorded.get(f"key.{char}") or self._sound(prompt, self._texts[f"key.{char}"])
                for char in group
            )
            for group in self._groups(value)
        ]
        return _silence(GROUP_SECONDS).join(spoken)

    def _groups(self, value: str) -> list[str]:
        runs: list[str] = [""]
        for char in value.lower():
            if f"key.{char}" in self._texts:
                runs[-1] += char
            else:
                runs.append("")
        return [group for run in runs for group in even_groups(run)]

    def _sound(self, prompt: str, words: str) -> bytes:
        sound = self._spoken.get(words)
        if sound is None:
            log.warning("prompt has no audio", extra={"prompt": prompt})
            return self._tone
        return sound

    async def _make(self, text: str) -> bytes:
        if self._speech is None:
            raise PromptUnavailable("no speech engine")
        pcm = await self._speech.synthesize(text)
        await anyio.to_thread.run_sync(self._write_cache, text, pcm)
        return pcm

    def _cache_file(self, text: str) -> Path:
        voice = self._speech.voice if self._speech is not None else ""
        key = hashlib.sha256(f"{voice}\n{text}".encode()).hexdigest()
        return self._cache / f"{key}.pcm"

    def _read_cache(self) -> None:
        for text in self.missing():
            file = self._cache_file(text)
            try:
                if file.stat().st_size <= CACHE_BYTES_MAX:
                    self._spoken[text] = file.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("prompt cache cannot be read", extra={"reason": error.strerror})

    def _write_cache(self, text: str, pcm: bytes) -> None:
        """Whole file or none: another process may read meanwhile. A full disk costs only the cache."""
        temporary = None
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._cache, suffix=".part")
            temporary = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(pcm)
            temporary.replace(self._cache_file(text))
        except OSError as error:
            log.warning("prompt cache cannot be written", extra={"reason": error.strerror})
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def _read_recordings(self) -> None:
        problems = []
        for file in sorted(self._recordings.glob("*.wav")):
            if file.stem not in self._texts:
                problems.append(f"{file}: no prompt has the id {file.stem!r}")
                continue
            try:
                self._recorded[file.stem] = _read_wav(file)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)


def even_groups(digits: str) -> list[str]:
    """Digits in even groups of at most four, larger ones first: 8 -> 4 4, 6 -> 3 3, 5 -> 3 2."""
    count = math.ceil(len(digits) / GROUP_MAX)
    groups = []
    start = 0
    for left in range(count, 0, -1):
        size = math.ceil((len(digits) - start) / left)
        groups.append(digits[start : start + size])
        start += size
    return groups


def _read_wav(file: Path) -> bytes:
    """16-bit PCM at 16 kHz mono is required, so that what an operator recorded is heard unchanged."""
    try:
        with wave.open(str(file), "rb") as sound:
            shape = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            if shape != (1, BYTES_PER_SAMPLE, SAMPLE_RATE):
                raise ConfigError([f"{file}: must be mono, 16 bit, {SAMPLE_RATE} Hz"])
            if not 0 < sound.getnframes() <= RECORDING_SECONDS_MAX * SAMPLE_RATE:
                raise ConfigError([f"{file}: must last up to {RECORDING_SECONDS_MAX} s"])
            return sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise ConfigError([f"{file}: not a WAV file: {error}"]) from error
    except OSError as error:
        raise ConfigError([f"{file}: {error.strerror}"]) from error


def _silence(seconds: float) -> bytes:
    return bytes(int(seconds * SAMPLE_RATE) * BYTES_PER_SAMPLE)


def _tone() -> bytes:
    """Half a second of 440 Hz with soft edges, at a quarter of full scale: "you are connected"."""
    count, edge = SAMPLE_RATE // 2, SAMPLE_RATE // 50
    samples = (
        8_000 * min(1.0, at / edge, (count - at) / edge) * math.sin(math.tau * 440 * at / SAMPLE_RATE)
        for at in range(count)
    )
    return struct.pack(f"<{count}h", *(round(sample) for sample in samples))
