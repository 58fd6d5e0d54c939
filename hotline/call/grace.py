"""A time in which something may still be put right."""

from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup


class Grace:
    """One at a time; belongs on the loop."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None

    def begin(self, tasks: TaskGroup, seconds: float, over: Callable[[], None]) -> None:
        """Call `over` after so long, unless stopped first. One that runs is stopped."""
        self.stop()
        self._scope = anyio.CancelScope()
        tasks.start_soon(self._wait, self._scope, seconds, over)

    def stop(self) -> None:
        """It has been put right. Harmless when none runs."""
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None

    async def _wait(self, scope: anyio.CancelScope, seconds: float, over: Callable[[], None]) -> None:
        with scope:
            await anyio.sleep(seconds)
        if not scope.cancel_called:
            over()
