"""RFC 4475: messages made to break parsers harm nothing, and get the answers the RFC asks for."""

from pathlib import Path

import pytest

from tests.fakes.sip_line import line, peer

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

RFC4475 = {
    "badinv01": 400, "clerr": 400, "escruri": 400, "insuf": 400, "lwsruri": 400, "lwsstart": 400,
    "ltgtruri": 400, "mcl01": 400, "mismatch01": 400, "mismatch02": 400, "multi01": 400, "ncl": 400,
    "quotbal": 400, "scalar02": 400, "trws": 400, "badvers": 505, "bext01": 420, "invut": 415,
    "novelsc": 416, "sdp01": 406, "unkscm": 416, "intmeth": 501, "zeromf": 200, "badbranch": 200,
    "transports": 200,
}  # fmt: skip
"""File → final status, for an endpoint that is who the message is for."""


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


@pytest.mark.parametrize(("name", "status"), RFC4475.items())
async def test_torture_answers(shared_data: Path, name: str, status: int) -> None:
    # Each against a fresh line: several of these messages share a branch, on purpose.
    numbers = ("user", "vivekg", "alan", "j.user", "12348")
    async with line("let_ring", numbers=numbers) as made, peer(made) as caller:
        await caller.raw((shared_data / "torture" / "rfc4475" / f"{name}.dat").read_bytes())
        assert await caller.status() == status
