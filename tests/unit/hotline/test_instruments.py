"""What the metrics page is fed."""

from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from asr.audio import LegId, UtteranceId
from asr.transcript import LegFacts, TranscriptEvent
from hotline import instruments
from hotline.bus import InProcessBus
from hotline.call.record import CallFacts
from hotline.conversation import AudioFacts, CallId, EndCause, Speaker
from hotline.events import CallEnded, CallStarted, OrderFiled, TranscriptPublished
from hotline.metrics import Metrics

pytestmark = [pytest.mark.unit, pytest.mark.anyio]

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class Figures:
    packets: int = 7
    lag: float = 1.5
    name: str = "not a number"


def broken() -> Figures:
    raise OSError("database away")


def test_every_number_of_every_part_is_on_the_page_and_a_broken_part_is_left_out() -> None:
    metrics = Metrics()
    metrics.registry.register(instruments.PartFigures({"media": Figures, "outbox": broken}))
    page = metrics.page().decode()
    assert "hotline_media_packets 7.0" in page
    assert "hotline_media_lag 1.5" in page
    assert "name" not in page.split("hotline_media_")[-1].splitlines()[0]
    assert "hotline_outbox" not in page


async def test_calls_orders_texts_and_packets_are_counted() -> None:
    bus, metrics = InProcessBus(), Metrics()
    facts = CallFacts(CallId("c"), LegId("l"), "phone", "x", "12348", NOW, "flow", answered=NOW, failed=False)
    facts.cause = EndCause.REMOTE_HANGUP
    record = facts.record(NOW, AudioFacts(received=50, lost=2), LegFacts(), (None, None))
    final = TranscriptEvent(UtteranceId("u"), LegId("l"), 1, "final", "x", "", "x", 0, 10, degraded=True)
    async with anyio.create_task_group() as group:
        group.start_soon(instruments.count, bus, metrics)
        await anyio.lowlevel.checkpoint()
        bus.publish(CallStarted(CallId("c"), "phone", "x", "12348"))
        bus.publish(TranscriptPublished(CallId("c"), Speaker.CALLER, final, lag=20_000))
        bus.publish(OrderFiled(CallId("c"), "SC-1"))
        bus.publish(CallEnded(record))
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    page = metrics.page().decode().splitlines()
    for line in (
        "hotline_calls_started_total 1.0",
        "hotline_calls_open 0.0",
        'hotline_calls_ended_total{outcome="abandoned"} 1.0',
        'hotline_rtp_packets_total{fate="lost"} 2.0',
        "hotline_orders_filed_total 1.0",
        "hotline_finals_degraded_total 1.0",
        'hotline_final_seconds_bucket{le="1.0"} 0.0',
        'hotline_final_seconds_bucket{le="1.5"} 1.0',
    ):
        assert line in page
