"""Port pairs: each to one leg, rested before it is used again."""

import pytest

from hotline.gateway.ports import NoPortsLeft, PortRange

pytestmark = pytest.mark.unit


def test_even_ports_until_none_is_left() -> None:
    ports = PortRange(20_001, 20_007)
    assert [ports.take(0.0) for _ in range(3)] == [20_002, 20_004, 20_006]
    assert len(ports) == 3
    with pytest.raises(NoPortsLeft) as caught:
        ports.take(0.0)
    assert caught.value.retryable


def test_a_port_rests_before_its_next_leg() -> None:
    ports = PortRange(20_000, 20_000, quarantine_s=2.0)
    port = ports.take(0.0)
    ports.release(port, 10.0)
    with pytest.raises(NoPortsLeft):
        ports.take(11.9)
    assert ports.take(12.0) == port


def test_giving_back_twice_is_harmless() -> None:
    ports = PortRange(20_000, 20_002, quarantine_s=0.0)
    port = ports.take(0.0)
    ports.release(port, 0.0)
    ports.release(port, 0.0)
    assert {ports.take(1.0), ports.take(1.0)} == {20_000, 20_002}
    with pytest.raises(NoPortsLeft):
        ports.take(1.0)


def test_a_port_that_was_never_used_needs_no_rest() -> None:
    ports = PortRange(20_000, 20_002)
    assert ports.take(0) == 20_000
    ports.put_back(20_000)
    ports.put_back(20_000)
    assert len(ports) == 0
    assert [ports.take(0), ports.take(0)] == [20_000, 20_002]
