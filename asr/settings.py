"""What an operator may set of recognition; engine knobs stay in the engines' own files."""

from typing import TYPE_CHECKING, Any

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
