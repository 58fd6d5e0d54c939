"""Feeds the metrics page: counts what the bus tells, and asks each part for its own figures."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from asr.audio import seconds
from hotline.bus import InProcessBus
from hotline.events import CallEnded, CallStarted, OrderFiled, TranscriptPublished
from hotline.metrics import Metrics

log = logging.getLogger(__name__)

Source = Callable[[], object]
"""Gives a part's figures: a dataclass whose numbers are shown."""


class PartFigures(Collector):
    """Every number of every part's figures, as `hotline_<part>_<figure>`, asked for when the page is made."""

    def __init__(self, parts: Mapping[str, Source]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Called in the page's thread. A part that cannot answer now is left out."""
        for part, source in self._parts.items():
            try:
                figures = source()
            except Exception as error:  # noqa: BLE001  supervision point: the page shows what it can
                log.warning("no figures", extra={"part": part, "error": type(error).__name__})
                continue
            for each in fields(figures):  # type: ignore[arg-type]  # a dataclass, by the type's promise
                value = getattr(figures, each.name)
                if isinstance(value, int | float):
                    yield GaugeMetricFamily(
                        f"hotline_{part}_{each.name}", f"{each.name} of {part}.", value=value
                    )


async def count(bus: InProcessBus, metrics: Metrics) -> None:
    """Count what happens, until cancelled."""
    with bus.subscribe(CallStarted, CallEnded, OrderFiled, TranscriptPublished) as events:
        async for envelope in events:
            match envelope.body:
                case CallStarted():
                    metrics.calls_started.inc()
                    metrics.calls_open.inc()
                case CallEnded() as ended:
                    _ended(ended, metrics)
                case OrderFiled():
                    metrics.orders_filed.inc()
                case TranscriptPublished() as said:
                    _said(said, metrics)


def _ended(ended: CallEnded, metrics: Metrics) -> None:
    record = ended.record
    if record.answered is not None:
        metrics.calls_open.dec()
    metrics.calls_ended.labels(record.outcome.value).inc()
    for leg in record.legs:
        for fate in ("received", "lost", "late", "duplicated"):
            metrics.packets.labels(fate).inc(getattr(leg.audio, fate))
        if leg.audio.mos is not None:
            metrics.leg_mos.observe(leg.audio.mos)


def _said(said: TranscriptPublished, metrics: Metrics) -> None:
    spread = metrics.final_seconds if said.transcript.kind == "final" else metrics.partial_seconds
    spread.observe(seconds(max(0, said.lag)))
    if said.transcript.degraded:
        metrics.degraded.inc()
