"""Which of several agreed codecs a peer is sending: it may turn to another at any packet (RFC 3264 §7). Pure.

For streams with a wideband codec among those agreed; one of G.711 alone knows both laws at once.
"""

from dataclasses import replace

from hotline.gateway.g711 import law_of
from hotline.gateway.media import MediaPlan
from hotline.gateway.wideband import is_wide

_SURE = 2
"""Packets in a row of another codec that show that the peer has turned: one alone is late from before."""


class Turning:
    """What the incoming stream is at the moment."""

    def __init__(self, plan: MediaPlan) -> None:
        self._plan = plan
        self._types = dict(plan.choices)
        self._other = -1
        self._seen = 0
        self.heard = plan
        """The plan as the stream is now; for what we send, the plan itself holds."""

    def turned(self, payload_type: int) -> tuple[MediaPlan, MediaPlan] | None:
        """A packet came: what the stream was and is, when the packet shows that it has turned."""
        if payload_type == self.heard.payload_type:
            self._seen = 0
            return None
        if payload_type not in self._types or any(payload_type == number for number, _ in self.heard.also):
            return None
        self._seen = self._seen + 1 if payload_type == self._other else 1
        self._other = payload_type
        if self._seen < _SURE:
            return None
        before, self.heard, self._seen = self.heard, self._as(payload_type), 0
        return before, self.heard

    def stayed(self) -> None:
        """Packets of the codec heard came in between, past `turned`."""
        self._seen = 0

    def _as(self, payload_type: int) -> MediaPlan:
        if payload_type == self._plan.payload_type:
            return self._plan
        codec = self._types[payload_type]
        if is_wide(codec):
            return replace(self._plan, codec=codec, payload_type=payload_type, also=())
        laws = [(number, law_of(other)) for number, other in self._plan.choices if not is_wide(other)]
        also = tuple(item for item in laws if item[0] != payload_type)
        return replace(self._plan, codec=codec, payload_type=payload_type, also=also)
