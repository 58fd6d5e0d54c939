"""Errors of the asr package.

    AsrError
    ├── ModelUnavailable     weights absent, unreachable or with another hash
    ├── DiarizerUnavailable  the diarizer that is asked for lacks its folder, its library or its device
    ├── EngineFailed         an engine raised while loading or decoding
    ├── WorkerLost           a worker process died while it held our request (retryable)
    └── WireError            malformed message between pool and worker

Each has a stable `code` for logs and APIs and says by `retryable` whether trying again can help.
"""

from typing import ClassVar


class AsrError(Exception):
    """Root of the package's errors."""

    code: ClassVar[str] = "asr.error"
    retryable: ClassVar[bool] = False


class ModelUnavailable(AsrError):
    """Weights are absent, could not be fetched, or are not what the catalogue says."""

    code = "asr.model_unavailable"


class DiarizerUnavailable(AsrError):
    """What tells speakers apart cannot be used: a row of `lexicon/diarizer.tsv`, its values filled in."""

    code = "asr.diarizer_unavailable"

    def __init__(self, key: str, **values: object) -> None:
        from asr.numerals import rows_of

        self.key = key
        reader, self.english = next(row[1:3] for row in rows_of("diarizer.tsv") if row[0] == key)
        self.english = self.english.format(**values)
        """The same for the commands that speak English."""
        super().__init__(reader.format(**values))


class EngineFailed(AsrError):
    """An engine raised while loading or decoding."""

    code = "asr.engine_failed"


class WorkerLost(AsrError):
    """The worker process died while it held the request."""

    code = "asr.worker_lost"
    retryable = True


class WireError(AsrError):
    """A message between pool and worker could not be read."""

    code = "asr.wire"


class VoiceFailed(AsrError):
    """The synthetic voice is absent or would not speak."""

    code = "asr.voice_failed"
