"""What an operator may set of recognition; engine knobs stay in the engines' own files."""

from pydantic import BaseModel, ConfigDict, Field


class AsrSettings(BaseModel):
    """The `[asr]` section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=1, ge=1, le=64)
    """Recognition worker processes."""
    threads: int = Field(default=2, ge=1, le=64)
    """CPU threads of each worker."""
