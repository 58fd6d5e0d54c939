"""Sealing: what comes back, what does not, and the file of keys."""

import stat
from pathlib import Path

import pytest

from hotline.store.secret_box import SecretBox, SecretsUnavailable

pytestmark = pytest.mark.unit


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    return SecretBox(tmp_path / "etc" / "secrets.key")


def test_a_sealed_value_opens_in_its_place_and_nowhere_else(box: SecretBox) -> None:
    sealed = box.seal("JBSWY3DP", "users", "totp_sealed", 7)
    assert "JBSWY3DP" not in sealed
    assert box.open(sealed, "users", "totp_sealed", 7) == "JBSWY3DP"
    for place in (("users", "totp_sealed", 8), ("agents", "totp_sealed", 7), ("users", "password", 7)):
        with pytest.raises(SecretsUnavailable, match="belongs elsewhere"):
            box.open(sealed, *place)


def test_no_altered_byte_opens_and_no_two_seals_are_alike(box: SecretBox) -> None:
    sealed = box.seal("JBSWY3DP", "users", "totp_sealed", 7)
    assert box.seal("JBSWY3DP", "users", "totp_sealed", 7) != sealed
    for at in range(len(sealed)):
        other = "A" if sealed[at] != "A" else "B"
        with pytest.raises(SecretsUnavailable):
            box.open(sealed[:at] + other + sealed[at + 1 :], "users", "totp_sealed", 7)


def test_the_file_is_its_owners_and_is_refused_when_others_may_read_it(box: SecretBox) -> None:
    assert box.names() == ()
    assert box.prepare()
    assert not box.prepare()
    assert stat.S_IMODE(box.path.stat().st_mode) == 0o600
    assert [each.name for each in box.path.parent.iterdir()] == ["secrets.key"], "nothing is left beside"
    sealed = box.seal("x", "users", "totp_sealed", 1)
    box.path.chmod(0o640)
    assert "chmod 600" in box.problem()
    with pytest.raises(SecretsUnavailable, match="chmod 600"):
        box.open(sealed, "users", "totp_sealed", 1)


@pytest.mark.parametrize("content", ["", "nonsense", "ab12 c2hvcnQ=", "ab12 ???", "\xff"])
def test_a_file_that_is_none_says_so(box: SecretBox, content: str) -> None:
    box.path.parent.mkdir()
    box.path.write_bytes(content.encode("latin-1"))
    box.path.chmod(0o600)
    assert str(box.path) in box.problem()


def test_old_values_open_after_a_renewal_until_the_old_key_is_forgotten(box: SecretBox) -> None:
    sealed = box.seal("x", "users", "totp_sealed", 1)
    name = box.renew()
    assert box.names()[0] == name
    assert len(box.names()) == 2
    assert box.open(sealed, "users", "totp_sealed", 1) == "x"
    assert box.seal("x", "users", "totp_sealed", 1).split(".")[1] == name
    assert box.keep_first() == 1
    assert stat.S_IMODE(box.path.stat().st_mode) == 0o600
    with pytest.raises(SecretsUnavailable, match="not in it"):
        box.open(sealed, "users", "totp_sealed", 1)
