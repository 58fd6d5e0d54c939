"""Who may take calls at a given moment: duty hours and licences (pure)."""

from datetime import datetime

from hotline.acd.model import Agent, Shift
from workorders.calendar import SHANGHAI

DAY = 24 * 60
"""Minutes of a day."""

OFF_DUTY = "off_duty"
LICENCE_EXPIRED = "licence_expired"


def hindrance(agent: Agent, now: datetime) -> str | None:
    """Why the agent may not take calls at `now` (aware): `licence_expired`, `off_duty`; None when nothing.

    A licence counts through its last day, Asia/Shanghai; one whose last day is not on record never ends.
    """
    local = now.astimezone(SHANGHAI)
    if agent.licence and agent.licence_until is not None and local.date() > agent.licence_until:
        return LICENCE_EXPIRED
    if agent.shifts and not any(covers(shift, local) for shift in agent.shifts):
        return OFF_DUTY
    return None


def covers(shift: Shift, local: datetime) -> bool:
    """Whether the moment (in local time) is in the shift; its first minute is, its last is not.

    A shift that ends before it begins goes over midnight and belongs to the day it began on; one that ends
    when it begins lasts a whole day.
    """
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if shift.begins < shift.ends:
        return day in shift.weekdays and shift.begins <= minute < shift.ends
    if minute >= shift.begins:
        return day in shift.weekdays
    return minute < shift.ends and (day - 1) % 7 in shift.weekdays
