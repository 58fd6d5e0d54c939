"""An order, a move, and surroundings: what tests of an order's life are made of."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.orders import NOW, shipped_rules
from workorders.calendar import SHANGHAI
from workorders.exchange_rules import TRANSFER
from workorders.guards import Around
from workorders.life import apply
from workorders.life_table import RULES
from workorders.messages import (
    ActOnOrder,
    EvidenceSpan,
    FieldValue,
)
from workorders.model import (
    Action,
    Actor,
    Kind,
    Life,
    OrderField,
    Pool,
    State,
    Visit,
    WorkOrder,
)

UNIT, ABOVE = "legal_aid-510104", "legal_aid-510100"

SPAN = EvidenceSpan("u1", 0, 2, "三个")
AROUND = Around(*shipped_rules())
DUE = datetime(2026, 11, 30, 23, 59, 59, tzinfo=SHANGHAI)
ORDER = WorkOrder(
    number="SC-20261123-510104-00001-7",
    call_id="call-1",
    matter_no=1,
    matter="labour.wages",
    matter_label="欠薪",
    service="consult",
    service_label="法律咨询",
    district="510104",
    summary="拖欠工资",
    caller_contact="13800001234",
    source="speech",
    fields=(OrderField(FieldValue("people", "3", "3人", 0.6, (SPAN,))),),
    flags=(),
    urgency="normal",
    unit=UNIT,
    unit_name="成都市锦江区法律援助中心",
    state=State.FILED,
    filed_at=NOW,
    sign_by=DUE,
    due=DUE,
    provisional=False,
    policy="ordinary",
    version=1,
)
OTHER = replace(ORDER, number="SC-20261123-510104-00002-5", call_id="call-2")
REACHED = (Visit(NOW, "agent", "agent", "reached", 2),)
SOUND: dict[str, Any] = {
    "text": "理由",
    "field": "people",
    "days": 3,
    "level": "orange",
    "outcome": "failed",
}
"""What satisfies every guard that looks at the words of a move."""


def act(action: Action, role: Actor | None = None, **more: Any) -> ActOnOrder:
    who = role or min(next(rule.roles for rule in RULES if rule.action is action))
    values = {"at": NOW + timedelta(hours=1), "by": "somebody", "unit": UNIT if who is Actor.UNIT else ""}
    told: dict[str, Any] = values | SOUND | more
    return ActOnOrder(ORDER.number, action, role=who, **told)


def prepared(state: State, action: Action, role: Actor) -> tuple[WorkOrder, ActOnOrder, Around]:
    """An order, a move and surroundings in which only table and role can refuse."""
    paired = replace(AROUND, other=OTHER)
    held = Life(pool=Pool.HELD, holder="somebody")
    lives = {
        Action.GRANT_EXTENSION: Life(asked_days=3, paused_at=NOW),
        Action.REFUSE_EXTENSION: Life(asked_days=3, paused_at=NOW),
        Action.REDO: Life(visits=REACHED),
        Action.SETTLE: Life(visits=REACHED),
        Action.ARCHIVE: Life(visits=REACHED),
        Action.UNMERGE: Life(parent=OTHER.number, before=State.SIGNED),
        Action.NAME_SUBJECT: Life(kind=Kind.COMPLAINT),
        Action.CLAIM: Life(pool=Pool.OPEN),
        Action.CONTACT: replace(held, held_until=NOW + timedelta(hours=2)),
        Action.RELEASE: replace(held, held_until=NOW),
    }
    told: dict[Action, dict[str, Any]] = {
        Action.REASSIGN: {"to": ABOVE},
        Action.SEND_OUTSIDE: {"to": "outside-12345"},
        Action.MERGE: {"to": OTHER.number},
        Action.RELATE: {"to": OTHER.number},
        Action.HAND_OVER: {"to": "else"},
        Action.NAME_SUBJECT: {"person": "bad"},
    }
    life, more = lives.get(action, Life(returns=0)), told.get(action, {})
    around = paired if action in {Action.MERGE, Action.RELATE, Action.UNMERGE} else AROUND
    if action is Action.REPLY:
        life = held if role is not Actor.UNIT else life
        state = State.SIGNED if role is Actor.UNIT and state is State.DISPATCHED else state
    source = TRANSFER if action is Action.RETURN_OUTSIDE else ORDER.source
    return replace(ORDER, state=state, life=life, source=source), act(action, role, **more), around


def do(order: WorkOrder, action: Action, role: Actor | None = None, **more: Any) -> WorkOrder:
    return apply(order, act(action, role, **more), AROUND).order
