"""RFC 4475: messages made to break parsers harm nothing, and get the answers the RFC asks for."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.fakes.sip_line import line, peer

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
