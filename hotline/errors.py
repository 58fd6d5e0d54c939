"""Errors of the hotline package.

    HotlineError
    ├── ConfigError          settings, flow or data files are wrong; carries every problem at once
    ├── CallAborted          the far end gave up before the call was answered
    ├── LegGone              an operation on a leg that has ended
    ├── PromptUnavailable    a prompt has neither a recording nor speech
    ├── WireError            malformed bytes from outside
    │   ├── SipSyntaxError   (hotline.gateway.sip.message)
    │   └── SdpSyntaxError   (hotline.gateway.sip.sdp)
    └── StoreError           the database said no

Each has a stable `code`; `retryable` says whether trying again can help.
"""

from collections.abc import Sequence
from typing import ClassVar


class HotlineError(Exception):
    """Root of the package's errors."""

    code: ClassVar[str] = "hotline.error"
    retryable: ClassVar[bool] = False


class ConfigError(HotlineError):
    """Settings or data files are wrong. `problems` lists each, with the setting's or file's name."""

    code = "hotline.config"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class CallAborted(HotlineError):
    """The far end gave up (CANCEL, or the transaction died) before the call was answered."""

    code = "hotline.call_aborted"


class LegGone(HotlineError):
    """The leg has ended; nothing more can be played on it."""

    code = "hotline.leg_gone"


class PromptUnavailable(HotlineError):
    """A prompt has neither a recording nor speech."""

    code = "hotline.prompt_unavailable"


class WireError(HotlineError):
    """Bytes from outside that cannot be read. The message never quotes the bytes."""

    code = "hotline.wire"


class StoreError(HotlineError):
    """The database refused or could not be reached."""

    code = "hotline.store"
    retryable = True
