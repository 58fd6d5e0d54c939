"""What the line counts and measures, and the page on which Prometheus reads it."""

from collections.abc import Callable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Media type of `Metrics.page`."""

LATENCY_SECONDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Upper bounds of the latency histograms' buckets; the aims (0.5 s partial, 1.5 s final) are among them."""


MOS = (2.0, 2.5, 3.0, 3.25, 3.5, 3.75, 4.0, 4.2, 4.4)
"""Upper bounds of the quality histogram's buckets: 4.0 is what most callers call good."""


class _Queues(Collector):
    """Asks each registered queue when the page is made, so that nobody has to keep a gauge in step."""

    def __init__(self) -> None:
        self.probes: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {}

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("hotline_queue_depth", "Items waiting in a queue.", labels=["queue"])
        drops = CounterMetricFamily(
            "hotline_queue_dropped", "Items a full queue has let go.", labels=["queue"]
        )
        for name, (waiting, dropped) in sorted(self.probes.items()):
            depth.add_metric([name], waiting())
            drops.add_metric([name], dropped())
        yield depth
        yield drops


class Metrics:
    """The instruments of one running line. Labels are small closed sets, never a call, a number or a name."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._queues = _Queues()
        self.registry.register(self._queues)
        self.calls_open = self.gauge("hotline_calls_open", "Calls going on.")
        self.calls_started = self.counter("hotline_calls_started", "Calls taken on.")
        self.calls_ended = self.counter(
            "hotline_calls_ended", "Calls over, by what became of them.", "outcome"
        )
        self.packets = self.counter("hotline_rtp_packets", "RTP packets, by what became of them.", "fate")
        self.partial_seconds = self.histogram(
            "hotline_partial_seconds", "From the end of the audio in a partial to the partial."
        )
        self.final_seconds = self.histogram(
            "hotline_final_seconds", "From the last sound of an utterance to its final text."
        )
        self.leg_mos = self.histogram(
            "hotline_leg_mos", "Estimated quality of a leg that has ended (ITU-T G.107).", buckets=MOS
        )
        self.degraded = self.counter("hotline_finals_degraded", "Finals that are worse than they could be.")
        self.orders_filed = self.counter("hotline_orders_filed", "Work orders filed.")

    def counter(self, name: str, says: str, *labels: str) -> Counter:
        """A number that only grows; the page adds `_total` to its name."""
        return Counter(name, says, labels, registry=self.registry)

    def gauge(self, name: str, says: str, *labels: str) -> Gauge:
        """A number that goes up and down."""
        return Gauge(name, says, labels, registry=self.registry)

    def histogram(
        self, name: str, says: str, *labels: str, buckets: tuple[float, ...] = LATENCY_SECONDS
    ) -> Histogram:
        """A spread of values, seconds unless the name says otherwise."""
        return Histogram(name, says, labels, registry=self.registry, buckets=buckets)

    def watch_queue(
        self, name: str, depth: Callable[[], float], dropped: Callable[[], float] = lambda: 0
    ) -> None:
        """Show a queue on the page: items waiting, and items dropped since the start.

        Both are called, in the page's thread, each time the page is made. A name watched again takes the
        place of the one before.
        """
        self._queues.probes[name] = (depth, dropped)

    def forget_queue(self, name: str) -> None:
        """Take a queue off the page; an unknown one is no error."""
        self._queues.probes.pop(name, None)

    def page(self) -> bytes:
        """The text page, of `CONTENT_TYPE`."""
        return generate_latest(self.registry)
