"""What an operator may set of recognition; engine knobs stay in the engines' own files."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from asr.engines.whisper_batch import WhisperOptions
from asr.registry import EngineOptions, options_type

if TYPE_CHECKING:
    AnyOptions = EngineOptions
else:
    AnyOptions = options_type()
    """Which engine, and its own options: of whatever engines there are files for."""

VAD = "silero-vad"
"""Catalogue entry of the speech detector."""


class DiarizeSettings(BaseModel):
    """The `[asr.diarize]` section: what tells the speakers of imported mono recordings apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    diarizer: Literal["auto", "packaged", "pyannote"] = "auto"
    """`packaged` comes with this project; `auto` is `pyannote` once it has a `model`."""
    model: str = ""
    """Folder of a pyannote pipeline (`config.yaml` in it), or an entry of the catalogue that was fetched."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,2})?)$")
    """Of pyannote; `auto` is a GPU if PyTorch finds one."""
    stretch_minutes: float = Field(default=10.0, ge=2, le=120)
    """pyannote gets so much of a recording at once, what is longer in stretches that overlap by a minute."""
    same_voice: float = Field(default=0.5, ge=0, le=1)
    """Cosine of pyannote's embeddings over which speakers of two stretches are one person."""


class AsrSettings(BaseModel):
    """The `[asr]` section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: AnyOptions = WhisperOptions()
    """What reads utterances."""
    workers: int = Field(default=1, ge=1, le=64)
    """Recognition worker processes."""
    threads: int = Field(default=2, ge=1, le=64)
    """CPU threads of each worker."""
    endpoint_ms: int = Field(default=500, ge=200, le=3_000)
    """Silence that ends an utterance."""
    longest_s: float = Field(default=15.0, ge=3, le=28)
    """A longer utterance is split where it is quietest."""
    partial_ms: int = Field(default=600, ge=100, le=5_000)
    """New audio after which an open utterance is read again."""
    closing_s: float = Field(default=8.0, ge=0.5, le=60)
    """How long the last finals of an ended leg are waited for."""
    diarize: DiarizeSettings = DiarizeSettings()
    """Who speaks in imported recordings."""

    @field_validator("engine", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """Options without an engine's name are meant for the default one."""
        if isinstance(value, dict) and "engine" not in value:
            return {"engine": WhisperOptions().engine, **value}
        return value

    def models(self) -> tuple[str, ...]:
        """Catalogue entries that must have been fetched."""
        weights = self.engine.weights()
        return (VAD,) if weights is None else (VAD, weights)
