"""A web part with people on the line, a gateway, and a user of every role."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hotline.acd.policy import read_acd_policy
from hotline.call.calling_back import CallingBack
from hotline.call.talks import Talks
from hotline.conversation import CallId
from hotline.gateway.media import MediaLeg
from hotline.ivr.flow import FlowFile
from hotline.settings import AcdSettings
from hotline.staff import Staff
from hotline.stats.statistics import Statistics
from hotline.store.engine import writing
from hotline.store.tables import users
from hotline.store.users import Role
from hotline.web.staffing import Staffing
from tests.fakes.web_line import FLOWS, WebLine, make_line

UNIT = "legal_aid-510116"
"""Where the order of `add_call` goes."""


@dataclass(frozen=True, slots=True)
class Ban:
    """One address that is kept out."""

    source: str = "192.0.2.1"
    seconds: float = 60.0
    times: int = 1


class Gateway:
    """Always keeps one address out."""

    def figures(self) -> dict[str, dict[str, float | str]]:
        return {"sip": {"dialogs": 0.0}}

    def bans(self) -> list[Ban]:
        return [Ban()]

    def lift(self, source: str) -> bool:
        return source == Ban().source


async def no_leg(_offer: bytes) -> tuple[MediaLeg, bytes]:
    raise NotImplementedError


async def no_dial(_number: str) -> MediaLeg:
    raise NotImplementedError


async def nothing(_order: str, _agent: str) -> None:
    return None


async def no_number(_call: CallId, _now: datetime) -> str | None:
    return None


async def no_call_back(_call: CallId, _agent: str, _now: datetime) -> str | None:
    return None


def staffing_of(line: WebLine, staff: Staff) -> Staffing:
    """What the pages need of people."""
    return Staffing(
        acd=staff.acd,
        floor=Talks(),
        agent=staff.agent,
        open_leg=no_leg,
        back=CallingBack(no_dial, nothing, FlowFile.load(FLOWS / "callback.yaml")),
        confirm=no_number,
        call_back=no_call_back,
        log=staff.store.iter_between,
        roster=lambda: staff.roster,
        people=staff.people,
        policy=staff.policy,
        busy=staff.policy.busy,
        busy_by_itself=staff.policy.busy_by_itself,
        numbers=staff.policy.numbers,
    )


def make_staffed(folder: Path) -> WebLine:
    """A line with people and a gateway; for every role a user who is called like it, without a password."""
    line = make_line(folder)
    deps = line.deps
    staff = Staff(AcdSettings(), read_acd_policy(FLOWS), line.engine, deps.bus, deps.metrics)  # type: ignore[arg-type]
    row = {"password": "none", "created": datetime.now(UTC), "disabled": False}  # hashing takes its time
    rows = [
        {**row, "name": role, "role": role, "display": f"{role} person", "unit": UNIT * (role is Role.UNIT)}
        for role in Role
    ]
    with writing(line.engine) as connection:  # type: ignore[arg-type]
        connection.execute(users.insert(), rows)
    stats = Statistics(line.engine, FLOWS)  # type: ignore[arg-type]
    parts = replace(deps, gateway=Gateway(), staffing=staffing_of(line, staff), stats=stats)
    return WebLine(parts, line.engine)
