"""How long callers wait, talk and are worked on, how busy agents are, and whether one call was enough."""

from sqlalchemy import true

from hotline.conversation import Outcome
from hotline.stats.kpi.answering import ABANDONED
from hotline.stats.kpi.model import Kpi, Measure, Subject, Unit, among, count, mean, peak, share, total
from hotline.stats.kpi.volume import ANSWERED, REQUESTS
from hotline.store.stat_tables import agent_hours, call_facts

_c, _h = call_facts.c, agent_hours.c

WAITED = among(REQUESTS, "waited", "calls whose wait is known", _c.wait_ms.is_not(None))
LOST_WAITS = among(
    ABANDONED, "abandoned_known", "abandoned calls whose wait is known", _c.wait_ms.is_not(None)
)
ONCE_BASE = among(
    ANSWERED, "answered_known", "answered calls whose number tells callers apart", _c.known == 1
)
ONCE = among(
    ONCE_BASE,
    "settled_once",
    "of these: settled on the spot, the same number with the same matter not again within 7 days",
    (_c.outcome == Outcome.ANSWERED.value) & (_c.repeated == 0),
)
STAFFED = count("agent_hours", Subject.HOURS, "hours in which an agent was signed in", true())
_busy = _h.talk_ms + _h.wrap_ms
BUSY = total(STAFFED, "busy_ms", "talking, holding and wrapping up", _busy)
ABLE = total(
    STAFFED, "able_ms", "talking, holding, wrapping up, ringing and ready", _busy + _h.ready_ms + _h.ring_ms
)
SIGNED_IN = total(STAFFED, "signed_in_ms", "signed in", _busy + _h.ready_ms + _h.ring_ms + _h.pause_ms)
PAUSED = total(STAFFED, "paused_ms", "busy with something else", _h.pause_ms)


def _time_share(key: str, parts: tuple[Measure, Measure], english: str, rising: int = 0) -> Kpi:
    return Kpi(key, "staff", english, Unit.PERCENT, *parts, STAFFED, 2, "b4", rising)


KPIS = (
    mean(
        "asa",
        "waiting",
        (total(ANSWERED, "answered_wait_ms", "waits of answered calls", _c.wait_ms), ANSWERED),
        "waits of answered calls / answered",
        source="b4",
        rising=-1,
    ),
    mean(
        "abandoned_wait",
        "waiting",
        (total(LOST_WAITS, "abandoned_wait_ms", "waits of abandoned calls", _c.wait_ms), LOST_WAITS),
        "waits of abandoned calls / abandoned calls whose wait is known",
        source="b4",
    ),
    Kpi(
        "max_wait",
        "waiting",
        "longest wait of all that entered the queue",
        Unit.SECONDS,
        peak(WAITED, "longest_wait_ms", "the longest wait", _c.wait_ms),
        rows=WAITED,
        places=1,
        source="b4",
        rising=-1,
    ),
    mean(
        "talk_time",
        "handling",
        (total(ANSWERED, "talk_ms", "time with agents, holding included", _c.talk_ms), ANSWERED),
        "time with agents, holding included / answered",
        source="b4",
    ),
    mean(
        "hold_time",
        "handling",
        (total(ANSWERED, "hold_ms", "time on hold", _c.hold_ms), ANSWERED),
        "time on hold / answered",
        source="b4",
    ),
    mean(
        "wrap_time",
        "handling",
        (total(ANSWERED, "wrap_ms", "time of wrapping up", _c.wrap_ms), ANSWERED),
        "time of wrapping up / answered",
        source="b4",
    ),
    mean(
        "aht",
        "handling",
        (total(ANSWERED, "handled_ms", "talk, hold and wrap-up", _c.talk_ms + _c.wrap_ms), ANSWERED),
        "(talk, which includes holding, + wrap-up) / answered",
        source="b4",
    ),
    share(
        "once_rate",
        "handling",
        (ONCE, ONCE_BASE),
        "settled on the spot, same number and matter not again within 7 days / answered, number known",
        source="b4",
        rising=1,
    ),
    _time_share(
        "occupancy", (BUSY, ABLE), "(talk + hold + wrap-up) / (talk + hold + wrap-up + ready + ringing)"
    ),
    _time_share("pause_share", (PAUSED, SIGNED_IN), "busy with something else / signed in", -1),
    Kpi(
        "signed_in",
        "staff",
        "time signed in",
        Unit.HOURS,
        SIGNED_IN,
        rows=STAFFED,
        places=1,
        source="b4",
    ),
)
