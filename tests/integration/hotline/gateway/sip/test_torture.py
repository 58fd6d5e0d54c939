"""RFC 4475: messages made to break parsers harm nothing, and get the answers the RFC asks for."""

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from hotline.gateway.sip.auth import answer_challenge, ha1
from tests.fakes.sip_line import line, peer
from tests.integration.hotline.gateway.sip.test_register import REALM, field, registrar

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

RINGS = 180
"""The call rings: the message is good."""
SILENCE = 0
"""No answer: it is a response, or nothing that could be answered."""

RFC4475 = {
    # 3.1.1 valid messages
    "wsinv": 481,  # well read: its To has a tag, and there is no such dialog here (RFC 3261 §12.2.2)
    "intmeth": 501,
    "esc01": RINGS,
    "escnull": 405,
    "esc02": 501,  # RE%47IST%45R is not REGISTER: a method is never unescaped
    "lwsdisp": 200,
    "longreq": RINGS,
    "dblreq": 405,  # the REGISTER only; what follows its Content-Length is no message
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "unreason": SILENCE,
    "noreason": SILENCE,
    # 3.1.2 invalid messages
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": SILENCE,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "baddate": RINGS,  # who does not need the Date may go on
    "regbadct": 405,
    "badaspec": 200,  # being liberal is allowed
    "baddn": 200,  # here too
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 400,
    "bigcode": SILENCE,
    # 3.2 transaction layer
    "badbranch": 200,
    # 3.3 application layer
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 405,
    "bext01": 420,
    "invut": 415,
    "regaut01": 405,
    "multi01": 400,
    "mcl01": 400,
    "bcast": SILENCE,
    "zeromf": 200,
    "cparam01": 405,
    "cparam02": 405,
    "regescrt": 405,
    "sdp01": 406,
    # 3.4 backward compatibility
    "inv2543": RINGS,
    # no message of the RFC: a request line without version and a header without colon
    "test": SILENCE,
}
"""File → answer of an endpoint that is who the message is for, and no registrar."""

NUMBERS = (
    "user", "vivekg", "alan", "j.user", "12348", "t.watson", "user;par=u@example.net",
    "sips:user@example.com", "UserB", "services", "",
)  # fmt: skip


async def test_torture(shared_data: Path) -> None:
    files = sorted((shared_data / "torture" / "rfc4475").glob("*.dat"))
    assert files
    async with line("let_ring") as made, peer(made) as caller:
        for number, path in enumerate(files, 2):
            await caller.raw(path.read_bytes())
            await caller.send("OPTIONS", cseq=number, branch=f"z9hG4bKafter{number}")
            while f"z9hG4bKafter{number};" not in (answer := await caller.next()):
                pass
            assert answer.startswith("SIP/2.0 200 ")
        assert made.endpoint.stats.faults == 0
        assert made.endpoint.stats.received == 2 * len(files)


async def answer_to(path: Path, **settings: Any) -> list[int]:
    """Every status that a line of its own answers with within a fifth of a second."""
    async with line("let_ring", numbers=NUMBERS, **settings) as made, peer(made) as caller:
        await caller.raw(path.read_bytes())
        found: list[int] = []
        with anyio.move_on_after(0.2):
            while True:
                found.append(int((await caller.next())[8:11]))
        return found


def test_table_is_whole(shared_data: Path) -> None:
    assert {path.stem for path in (shared_data / "torture" / "rfc4475").glob("*.dat")} == set(RFC4475)


@pytest.mark.parametrize(("name", "status"), RFC4475.items())
async def test_torture_answers(shared_data: Path, name: str, status: int) -> None:
    # Each against a fresh line: several of these messages share a branch, on purpose.
    found = await answer_to(shared_data / "torture" / "rfc4475" / f"{name}.dat")
    assert set(found) - {100} == ({status} if status else set())


REGISTRAR = {
    # No credentials that it knows, so it asks for them.
    "regaut01": (401, "j.user", None),
    "dblreq": (200, "j.user", ["sip:j.user@host.example.com"]),
    # Escaped zeros end nothing: these are two addresses. (Its user, whose name no credentials can hold, is
    # another's here.)
    "escnull": (200, "j.user", ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]),
    # The parameter is the header's, and no part of the address; then the address's.
    "cparam01": (200, "watson", ["sip:+19725552222@gw1.example.net"]),
    "cparam02": (200, "watson", ["sip:+19725552222@gw1.example.net;unknownparam"]),
    "regescrt": (200, "user", ["sip:user@example.com?Route=%3Csip:sip.example.com%3E"]),
    # A question mark outside of angle brackets.
    "regbadct": (400, "user", None),
    # An address of record is a SIP or SIPS URI.
    "unksm2": (400, "", None),
}
"""File → what a registrar answers, to whom, and the addresses it says it has bound. The user has the right
password: where credentials are asked for, they are added to the message."""


@pytest.mark.parametrize(
    ("name", "status", "user", "bound"), [(n, *wanted) for n, wanted in REGISTRAR.items()]
)
async def test_registrations_made_to_torture(
    shared_data: Path, tmp_path: Path, name: str, status: int, user: str, bound: list[str] | None
) -> None:
    users = tmp_path / "phones"
    users.write_text(f"{user or 'nobody'}:{REALM}:{ha1('MD5', user, REALM, 'secret')}\n")
    message = (shared_data / "torture" / "rfc4475" / f"{name}.dat").read_bytes()
    message = message.replace(b"null-%00-null", b"j.user")
    async with registrar(users, algorithms=["MD5"]) as made, peer(made) as caller:
        await caller.raw(message)
        answer = await caller.until("SIP/2.0")
        if answer.startswith("SIP/2.0 401") and status != 401:
            uri = message.split()[1].decode()
            value = answer_challenge((field(answer, "WWW-Authenticate"),), "REGISTER", uri, user, "secret")
            line_end = message.index(b"\r\n") + 2
            signed = message[:line_end] + f"Authorization: {value}\r\n".encode() + message[line_end:]
            again = re.sub(rb"(?m)^CSeq: (\d+)", rb"CSeq: 1\1", signed)
            await caller.raw(again.replace(b"branch=z9hG4bK", b"branch=z9hG4bKa", 1))
            answer = await caller.until("SIP/2.0")
        assert int(answer[8:11]) == status, answer
        rows = [row for row in answer.split("\r\n") if row.startswith("Contact: ")]
        assert [row.partition("<")[2].partition(">")[0] for row in rows] == (bound or [])
