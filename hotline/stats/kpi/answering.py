"""How many are answered, and how quickly: every way in which the share is reckoned, each with its name."""

from sqlalchemy import and_, not_, or_

from hotline.stats.call_fold import Fate
from hotline.stats.kpi.model import Kpi, Measure, among, share
from hotline.stats.kpi.volume import ANSWERED, CALLS, REQUESTS
from hotline.store.stat_tables import call_facts

THRESHOLDS = (10, 15, 20, 30)
"""Seconds."""
SHORT_S = 5
"""Who gives up before this many seconds is not counted as abandoned."""

_c = call_facts.c
_gone = _c.fate == Fate.ABANDONED.value

ABANDONED = among(CALLS, "abandoned", "calls whose caller hung up waiting", _gone)
ABANDONED_LONG = among(
    ABANDONED,
    "abandoned_long",
    f"calls abandoned after {SHORT_S} s or more, or after nobody knows how long",
    or_(_c.wait_ms.is_(None), _c.wait_ms >= SHORT_S * 1000),
)
ABANDONED_SHORT = among(
    ABANDONED, "abandoned_short", f"calls abandoned within {SHORT_S} s", _c.wait_ms < SHORT_S * 1000
)


def in_time(seconds: int) -> Measure:
    """Answered calls that waited no longer."""
    return among(
        ANSWERED, f"answered_{seconds}", f"calls answered within {seconds} s", _c.wait_ms <= seconds * 1000
    )


IN_TIME = {seconds: in_time(seconds) for seconds in THRESHOLDS}


def _service_level(seconds: int) -> tuple[Kpi, ...]:
    limit = seconds * 1000
    quick = IN_TIME[seconds]
    without = among(
        REQUESTS,
        f"requests_without_{seconds}",
        f"calls that entered the queue, those abandoned within {seconds} s left out",
        not_(and_(_gone, _c.wait_ms.is_not(None), _c.wait_ms < limit)),
    )
    settled = among(
        REQUESTS,
        f"settled_{seconds}",
        f"calls answered, or abandoned, within {seconds} s",
        or_(
            and_(_c.fate == Fate.ANSWERED.value, _c.wait_ms <= limit),
            and_(_gone, _c.wait_ms.is_not(None), _c.wait_ms < limit),
        ),
    )
    made = (
        (f"in_time_{seconds}", (quick, ANSWERED), f"answered within {seconds} s / answered", "citizen"),
        (f"sl_a_{seconds}", (quick, REQUESTS), f"answered within {seconds} s / entered the queue", "copc"),
        (
            f"sl_b_{seconds}",
            (quick, without),
            f"answered within {seconds} s / (entered the queue - abandoned within {seconds} s)",
            "copc",
        ),
        (
            f"sl_c_{seconds}",
            (settled, REQUESTS),
            f"(answered within {seconds} s + abandoned within {seconds} s) / entered the queue",
            "copc",
        ),
    )
    return tuple(
        share(key, "service_level", parts, english, source=source, rising=1)
        for key, parts, english, source in made
    )


KPIS = (
    share(
        "answer_rate",
        "answering",
        (ANSWERED, REQUESTS),
        "answered by a person / entered the queue",
        source="gbt33358",
        rising=1,
    ),
    share(
        "answer_rate_inbound",
        "answering",
        (ANSWERED, CALLS),
        "answered by a person / came in",
        source="citizen",
        rising=1,
    ),
    share(
        "abandon_rate",
        "answering",
        (ABANDONED_LONG, REQUESTS),
        f"abandoned after {SHORT_S} s or more / entered the queue",
        source="b4",
        rising=-1,
    ),
    share(
        "short_abandon_rate",
        "answering",
        (ABANDONED_SHORT, REQUESTS),
        f"abandoned within {SHORT_S} s / entered the queue",
        source="b4",
    ),
    *(kpi for seconds in THRESHOLDS for kpi in _service_level(seconds)),
)
