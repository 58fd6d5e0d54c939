"""Errors of the asr package.

    AsrError
    ├── ModelUnavailable     weights absent, unreachable or with another hash
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
