"""Ports that tests take for stock programs are free, and stay out of others' way."""

import socket
from unittest.mock import patch

import pytest

from tests.e2e import ports

pytestmark = pytest.mark.integration


def test_a_run_with_one_port_taken_is_passed_over() -> None:
    with (
        patch.object(ports, "PEERS", range(19_960, 19_980)),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
    ):
        taken.bind(("127.0.0.1", ports.free_run(1) + 2))
        middle = taken.getsockname()[1]
        ports._given.clear()
        for _ in range(200):
            first = ports.free_run(6)
            assert not first <= middle < first + 6
            ports._given.clear()


def test_none_is_given_twice_and_none_is_the_systems() -> None:
    given = [ports.free_port() for _ in range(50)]
    assert len(set(given)) == 50
    assert all(port in ports.PEERS for port in given)
    low, high = ports.line_ports(100)
    assert low % 2 == 0
    assert 24_000 <= low < high < 32_768


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("Unable to bind audio RTP socket (port=18088), errno 98", True),
        ("Unable to bind main socket, errno = 98 (Address already in use)", True),
        ("Call-Id 1: aborting call on unexpected message", False),
    ],
)
def test_what_sipp_says_when_a_port_is_taken(said: str, taken: bool) -> None:
    assert ports.not_bound(said) is taken
