"""Inputs on their way to the caller flow: bounded, in order, and never from a prompt that was cut short."""

from collections import deque

import anyio

from hotline.ivr.machine import Input, Pressed

CAPACITY = 64
"""Inputs that may wait; a caller who presses keys faster than the flow can follow loses the newest."""


class Cues:
    """Keys are always news; what comes of an effect is news only until the flow has moved on."""

    def __init__(self) -> None:
        self._waiting: deque[Input] = deque()
        self._arrived = anyio.Event()
        self.ignored = 0

    def put(self, cue: Input) -> None:
        """Add an input; never blocks. Only keys are ever ignored: the flow waits for everything else."""
        if len(self._waiting) >= CAPACITY and isinstance(cue, Pressed):
            self.ignored += 1
            return
        self._waiting.append(cue)
        self._arrived.set()

    def move_on(self) -> None:
        """The flow has new effects: forget what came of the old ones."""
        self._waiting = deque(cue for cue in self._waiting if isinstance(cue, Pressed))

    async def next(self) -> Input:
        """The oldest input; waits for one. Cancelling loses nothing."""
        while not self._waiting:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._waiting.popleft()
