"""Rules, calendar and commands for tests of work orders."""

from datetime import UTC, datetime
from pathlib import Path

import yaml

from workorders.calendar import WorkCalendar
from workorders.messages import EvidenceSpan, FieldValue, FileWorkOrder
from workorders.routing import RoutingRules, load_calendar

FLOWS = Path(__file__).parents[2] / "ivr_flows"
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""Monday, 11:00 in Chengdu."""


def shipped_categories() -> list[str]:
    """Every matter and service code of the shipped intents."""
    data = yaml.safe_load((FLOWS / "intents.yaml").read_text(encoding="utf-8"))
    return [item["code"] for axis in ("matters", "services") for item in data[axis]]


def shipped_rules() -> tuple[RoutingRules, WorkCalendar]:
    """The rules that ship."""
    rules = RoutingRules.load(FLOWS, shipped_categories())
    return rules, load_calendar(FLOWS, rules)


def wage_claim(call_id: str = "call-1", matter_no: int = 1, **changes: object) -> FileWorkOrder:
    """Twelve workers in Chengdu's Jinjiang district who were not paid."""
    values: dict[str, object] = {
        "call_id": call_id,
        "matter_no": matter_no,
        "matter": "labour.wages",
        "matter_label": "劳动争议·欠薪",
        "service": "aid.apply",
        "service_label": "法律援助申请",
        "district": "510104",
        "summary": "工地上的包工头拖欠三个月工资，共六万元，要求支付。",
        "caller_contact": "13800001234",
        "fields": (
            FieldValue("people", "3", "3人", 0.9, (EvidenceSpan("u1", 4, 6, "三个"),)),
            FieldValue("amount", "60000", "6万元", 0.8, (EvidenceSpan("u2", 0, 3, "六万元"),)),
        ),
        "flags": ("green_channel",),
        "source": "speech",
        "filed_at": NOW,
    }
    return FileWorkOrder(**(values | changes))  # type: ignore[arg-type]
