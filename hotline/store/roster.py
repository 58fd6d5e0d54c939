"""The roster: what is on record of the people who answer calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, select

from hotline.acd.model import Agent, Shift
from hotline.errors import HotlineError
from hotline.store.engine import RowRefused, reading, storable, writing
from hotline.store.tables import agents


class RosterRefused(HotlineError):
    """A profile cannot be kept; the message says whose and why."""

    code = "hotline.roster_refused"


@dataclass(frozen=True, slots=True)
class Profile:
    """One line of the roster."""

    agent: Agent
    phone_only: bool = False
    """Works without a page: signed in and ready by itself while the desk phone is registered, on duty."""


class RosterStore:
    """Profiles in the database. Every method may block and raises `StoreError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Profile]:
        """Everyone, by name."""
        with reading(self._engine) as connection:
            return [_profile(row) for row in connection.execute(select(agents).order_by(agents.c.name))]

    def get(self, name: str) -> Profile | None:
        """The profile of an agent."""
        with reading(self._engine) as connection:
            row = connection.execute(select(agents).where(agents.c.name == storable(name))).one_or_none()
        return _profile(row) if row is not None else None

    def save(self, profiles: Sequence[Profile], now: datetime, *, instead: bool = False) -> None:
        """Write profiles, all or none; `instead`: and forget everyone else.

        Raises `RosterRefused` when two people would have the same desk phone.
        """
        names = [storable(profile.agent.name) for profile in profiles]
        try:
            with writing(self._engine) as connection:
                gone = delete(agents)
                connection.execute(gone if instead else gone.where(agents.c.name.in_(names)))
                if profiles:
                    connection.execute(agents.insert(), [_values(each, now) for each in profiles])
        except RowRefused as error:
            raise RosterRefused("two people have the same name or the same desk phone") from error

    def remove(self, name: str) -> bool:
        """Forget an agent; whether there was one."""
        with writing(self._engine) as connection:
            gone = connection.execute(delete(agents).where(agents.c.name == storable(name)))
            return gone.rowcount > 0


def _values(profile: Profile, now: datetime) -> dict[str, Any]:
    agent = profile.agent
    return {
        "name": storable(agent.name),
        "display": storable(agent.display)[:64],
        "skills": sorted(agent.skills),
        "phone": storable(agent.phone) or None,
        "phone_only": profile.phone_only,
        "licence": storable(agent.licence),
        "licence_until": agent.licence_until,
        "shifts": [[sorted(shift.weekdays), shift.begins, shift.ends] for shift in agent.shifts],
        "updated": now,
        "team": storable(agent.team)[:64],
    }


def _profile(row: Row[Any]) -> Profile:
    agent = Agent(
        name=row.name,
        display=row.display,
        skills=frozenset(row.skills),
        phone=row.phone or "",
        licence=row.licence,
        licence_until=row.licence_until,
        shifts=tuple(Shift(frozenset(days), begins, ends) for days, begins, ends in row.shifts),
        team=row.team,
    )
    return Profile(agent, row.phone_only)
