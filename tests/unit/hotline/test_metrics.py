"""The page Prometheus reads, parsed by Prometheus's own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hotline.metrics import CONTENT_TYPE, Metrics

pytestmark = pytest.mark.unit


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }


def test_counts_by_label() -> None:
    metrics = Metrics()
    metrics.calls_started.inc()
    metrics.calls_ended.labels("abandoned").inc(2)
    found = samples(metrics)
    assert found["hotline_calls_started_total", ()] == 1
    assert found["hotline_calls_ended_total", (("outcome", "abandoned"),)] == 2


def test_gauges_and_histograms() -> None:
    metrics = Metrics()
    metrics.calls_open.inc()
    metrics.calls_open.dec()
    metrics.final_seconds.observe(1.2)
    found = samples(metrics)
    assert found["hotline_calls_open", ()] == 0
    assert found["hotline_final_seconds_bucket", (("le", "1.0"),)] == 0
    assert found["hotline_final_seconds_bucket", (("le", "1.5"),)] == 1
    assert found["hotline_final_seconds_count", ()] == 1


def test_queues_are_asked_when_the_page_is_made() -> None:
    metrics, waiting = Metrics(), [1, 2]
    metrics.watch_queue("journal", lambda: len(waiting), lambda: 7)
    metrics.watch_queue("bus", lambda: 0)
    waiting.append(3)
    found = samples(metrics)
    assert found["hotline_queue_depth", (("queue", "journal"),)] == 3
    assert found["hotline_queue_dropped_total", (("queue", "journal"),)] == 7
    assert found["hotline_queue_dropped_total", (("queue", "bus"),)] == 0
    metrics.forget_queue("journal")
    metrics.forget_queue("journal")
    assert ("hotline_queue_depth", (("queue", "journal"),)) not in samples(metrics)


def test_own_instruments_share_the_page() -> None:
    metrics = Metrics()
    metrics.counter("hotline_own", "Own.", "kind").labels("a").inc()
    assert samples(metrics)["hotline_own_total", (("kind", "a"),)] == 1
    with pytest.raises(ValueError):
        metrics.counter("hotline_own", "Twice.")


def test_two_lines_in_one_process_do_not_share() -> None:
    first, second = Metrics(), Metrics()
    first.calls_started.inc()
    assert samples(second)["hotline_calls_started_total", ()] == 0


def test_is_plain_text() -> None:
    assert CONTENT_TYPE.startswith("text/plain")
