"""Prompts as they were coded for the first who heard them: greeting and notice are the same for all.

Opus costs more to encode than all else that is done for a leg. A codec's packets depend a little on what came
before them, but a decoder takes those of another stream's encoder without a click where a prompt begins, in
silence.
"""

from functools import lru_cache

KEPT = 64
"""Prompts kept in each codec together; the one not played for longest goes."""


class CodedPrompt:
    """The packets of one prompt so far, 20 ms each."""

    def __init__(self) -> None:
        self._packets: list[bytes] = []

    def at(self, number: int) -> bytes | None:
        """The packet of that frame; None when nobody has got so far yet."""
        packets = self._packets
        return packets[number] if number < len(packets) else None

    def put(self, number: int, packet: bytes) -> None:
        """Keep a packet, unless there is a hole before it."""
        if number == len(self._packets):
            self._packets.append(packet)


@lru_cache(KEPT)
def coded(codec: str, pcm: bytes) -> CodedPrompt:
    """What is kept of a prompt; `pcm`: its 16 kHz s16le, whole."""
    del codec, pcm
    return CodedPrompt()
