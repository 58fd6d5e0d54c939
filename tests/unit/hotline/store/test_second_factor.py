"""Codes of authenticator apps against the vectors of RFC 6238, and their window."""

import base64
from datetime import UTC, datetime

import pytest

from hotline.store.second_factor import address, code_at, fitting_step, is_secret, new_secret, step_of

pytestmark = pytest.mark.unit
SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    """Appendix B, SHA-1, the last six of its eight digits."""
    now = datetime.fromtimestamp(second, UTC)
    assert code_at(SECRET, step_of(now)) == code
    assert fitting_step(SECRET, code, now) == second // 30


def test_one_step_early_or_late_is_let_pass_and_no_more() -> None:
    now = datetime.fromtimestamp(1111111111, UTC)
    here = step_of(now)
    fitting = [n for n in range(-4, 5) if fitting_step(SECRET, code_at(SECRET, here + n), now) is not None]
    assert fitting == [-1, 0, 1]


def test_secrets_are_random_and_fit_an_app() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert is_secret(first)
    assert not is_secret("A" * 16)
    assert not is_secret("not base32!")
    assert address(first, "王班长").startswith("otpauth://totp/12348:%E7%8E%8B")
