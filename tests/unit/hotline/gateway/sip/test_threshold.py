"""Who may stand on the threshold, and who has to make room."""

import pytest

from hotline.gateway.sip.threshold import STANDING_S, Place, Threshold

pytestmark = pytest.mark.unit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def entered(threshold: Threshold, host: str) -> Place:
    place = threshold.enter(host, "tls")
    assert place is not None
    return place


def test_one_source_gets_only_so_many_and_they_come_back() -> None:
    threshold = Threshold(10, 2, Clock())
    first, _ = entered(threshold, "192.0.2.1"), entered(threshold, "192.0.2.1")
    assert threshold.enter("192.0.2.1", "tls") is None
    assert threshold.refused == 1
    entered(threshold, "192.0.2.2")
    first.leave(failed=False)
    first.leave(failed=True)  # too late to count
    assert threshold.failures["tls"] == 0
    entered(threshold, "192.0.2.1")
    assert len(threshold) == 3


def test_an_ipv6_network_is_one_source() -> None:
    threshold = Threshold(10, 2, Clock())
    entered(threshold, "2001:db8::1")
    entered(threshold, "2001:db8::2%eth0")
    assert threshold.enter("2001:db8::3", "ws") is None
    entered(threshold, "2001:db8:0:1::3")


def test_who_has_stood_longest_makes_room() -> None:
    clock, cut = Clock(), list[str]()
    threshold = Threshold(2, 2, clock)
    places = [entered(threshold, "192.0.2.1"), entered(threshold, "192.0.2.2")]
    for place in places:
        place.cut = lambda source=place.source: cut.append(source)  # type: ignore[misc]
    assert threshold.enter("192.0.2.3", "tls") is None, "nobody has stood there for long yet"
    clock.now += STANDING_S
    entered(threshold, "192.0.2.3")
    assert cut == ["192.0.2.1"]
    assert threshold.failures["tls"] == 1
    places[0].leave(failed=True)  # its connection is lost now; it is not counted twice
    assert (len(threshold), threshold.failures["tls"], threshold.refused) == (2, 1, 1)


def test_failures_are_told_by_step() -> None:
    threshold = Threshold(2, 2, Clock())
    place = entered(threshold, "192.0.2.1")
    place.step = "ws"
    place.leave(failed=True)
    entered(threshold, "192.0.2.1").leave(failed=True)
    assert threshold.failures == {"ws": 1, "tls": 1}
    assert len(threshold) == 0


def test_all_are_sent_away_when_the_listener_goes() -> None:
    threshold, cut = Threshold(2, 2, Clock()), list[int]()
    entered(threshold, "192.0.2.1").cut = lambda: cut.append(1)
    threshold.clear()
    assert cut == [1]
