"""Every figure of the gateway has a Chinese name on the page: no field's name is shown to anybody."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from asr.pool import PoolStats
from hotline.audit.sealer import SealerFigures
from hotline.gateway.defence import DefenceStats
from hotline.gateway.pcm_door import PbxStats
from hotline.gateway.rtp_session import MediaStats
from hotline.gateway.sip.registrar import RegistrarStats
from hotline.gateway.sip.signalling import SipStats
from hotline.gateway.sip.trunk import TrunkStats
from hotline.gateway.web_door import WebDoorStats
from hotline.gateway.webrtc import WebRtcStats
from hotline.staff import StaffFigures
from workorders.outbox_rows import OutboxFacts

pytestmark = pytest.mark.unit
PAGE = Path(__file__).parents[4] / "hotline" / "web" / "static" / "text.zh-CN.json"
PARTS: dict[str, Any] = {
    "acd": StaffFigures,
    "asr": PoolStats,
    "audit": SealerFigures,
    "defence": DefenceStats,
    "media": MediaStats,
    "outbox": OutboxFacts,
    "pbx": PbxStats,
    "registrar": RegistrarStats,
    "sip": SipStats,
    "trunk": TrunkStats,
    "web_door": WebDoorStats,
    "webrtc": WebRtcStats,
}


@pytest.mark.parametrize("part", PARTS)
def test_every_figure_has_a_name(part: str) -> None:
    texts = json.loads(PAGE.read_text(encoding="utf-8"))
    shown = [each.name for each in fields(PARTS[part]) if not str(each.type).startswith("tuple")]
    wanted = [f"gateway.part.{part}", *(f"gateway.{part}.{name}" for name in shown)]
    assert [key for key in wanted if key not in texts] == []
