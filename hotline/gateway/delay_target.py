"""How long a leg's packets should wait before they are played, judged from how unevenly they come. Pure.

A packet's slack is how long before its due time it came; negative, it came too late. In windows of two
seconds the spread between the fastest packet and all but the slowest one is what the delay must cover; the
widest of the last ten seconds counts. So the delay grows with the first window that needs it, and shrinks
only when the path has been calm for a while. More is added at once when packets come too late.
"""

from collections import deque

WINDOW_S = 2.0
_WINDOWS = 5
_MARGIN_S = 0.02
"""On top of the spread: a tick, since packets are looked at only when one is due."""
_HYSTERESIS_S = 0.01
_FEW = 10
"""Packets in a window below which nothing is concluded."""
_LATE = 2
"""Packets too late in a window that are no accident."""


class DelayTarget:
    """Keeps the account for one stream; all times in the stream's timestamp units."""

    def __init__(self, floor_s: float, ceiling_s: float, rate: int) -> None:
        """The delay is kept between `floor_s` and `ceiling_s`; `rate`: timestamp units a second."""
        self._floor, self._ceiling = round(floor_s * rate), round(ceiling_s * rate)
        self._margin, self._hysteresis = round(_MARGIN_S * rate), round(_HYSTERESIS_S * rate)
        self._slacks: list[int] = []
        self._needs: deque[int] = deque(maxlen=_WINDOWS)
        self._late = 0
        self.surplus = 0
        """Delay that no packet has needed for a while, to be given back when nobody hears it."""
        self.mean = 0.0
        """How long packets wait: the mean of the last window."""

    def note(self, slack: int) -> int:
        """A packet came; returns by how much all that follow must be delayed at once, mostly 0."""
        slacks = self._slacks
        slacks.append(slack)
        if not -self._ceiling < slack < 0:
            return 0  # in time, or so late that no delay we would take could have helped
        self._late += 1
        if self._late < _LATE:
            return 0
        room = self._ceiling - max(slacks)
        return self._moved(max(0, min(self._margin - slack, room)))

    def noted(self, slacks: tuple[int, ...]) -> None:
        """So many packets came, all in time."""
        self._slacks.extend(slacks)

    def judge(self) -> int:
        """End a window; returns as `note`."""
        slacks, self._slacks, self._late = self._slacks, [], 0
        if len(slacks) < _FEW:
            return 0
        slacks.sort()
        fastest = slacks[-1]
        self.mean = sum(slacks) / len(slacks)
        self._needs.append(fastest - slacks[1] + self._margin)
        wanted = min(max(*self._needs, self._floor), self._ceiling)
        self.surplus = fastest - wanted if fastest > wanted + self._hysteresis else 0
        return wanted - fastest if wanted > fastest + self._hysteresis else 0

    def shed(self, most: int) -> int:
        """Give back up to so much of the surplus; returns how much."""
        given = min(self.surplus, most)
        self.surplus -= given
        self._moved(-given)
        return given

    def anew(self) -> None:
        """Another stream, or another scale of time."""
        self._slacks, self._late, self.surplus = [], 0, 0

    def _moved(self, by: int) -> int:
        if by:
            self._slacks = [slack + by for slack in self._slacks]
        return by
