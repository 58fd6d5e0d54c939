"""How much comes in, and what becomes of it."""

from hotline.conversation import OF_CALLERS, Outcome
from hotline.stats.call_fold import Fate
from hotline.stats.kpi.model import Subject, among, count, number, share
from hotline.store.stat_tables import call_facts

_c = call_facts.c

CALLS = count("calls", Subject.CALLS, "calls that came in, trial numbers left out", _c.test == 0)
REQUESTS = among(CALLS, "requests", "calls that entered the queue for a person", _c.fate != Fate.NONE.value)
ANSWERED = among(CALLS, "answered", "calls answered by a person", _c.fate == Fate.ANSWERED.value)
WITH_ORDER = among(CALLS, "with_order", "calls from which an order was filed", _c.orders > 0)
MESSAGES = among(CALLS, "messages", "calls that left a message", _c.outcome == Outcome.MESSAGE_TAKEN.value)
CALLBACKS = among(
    CALLS, "callbacks", "calls that left the queue to be called back", _c.fate == Fate.CALLBACK.value
)
TIMED_OUT = among(
    CALLS, "timed_out", "calls that waited until the longest wait", _c.fate == Fate.TIMED_OUT.value
)
NOBODY = among(CALLS, "nobody", "calls for which nobody was on duty", _c.fate == Fate.NOBODY.value)
HANDED = among(ANSWERED, "handed", "answered calls that a second person had", _c.hands > 1)

KPIS = (
    number("calls", "volume", CALLS, "distinct calls that came in", "b4"),
    number("requests", "volume", REQUESTS, "calls offered to the queue for a person", "b4"),
    number("answered", "volume", ANSWERED, "calls answered by a person", "b4"),
    number("messages", "volume", MESSAGES, "calls that left a spoken message"),
    number("callbacks", "volume", CALLBACKS, "calls that left the queue to be called back"),
    number("timed_out", "volume", TIMED_OUT, "calls that left the queue after the longest wait"),
    number("nobody", "volume", NOBODY, "calls that left the queue because nobody was on duty"),
    *(
        number(
            f"outcome_{outcome.value}",
            "outcome",
            among(
                CALLS,
                f"outcome_{outcome.value}",
                f"calls whose outcome is {outcome.value}",
                _c.outcome == outcome.value,
            ),
            f"calls whose outcome is {outcome.value}; each call has one",
        )
        for outcome in OF_CALLERS
    ),
    number(
        "outcome_open",
        "outcome",
        among(CALLS, "outcome_open", "calls that go on", _c.outcome == "open"),
        "calls that go on",
    ),
    share(
        "order_share",
        "volume",
        (WITH_ORDER, CALLS),
        "calls from which an order was filed / calls that came in",
    ),
    share("handed_share", "volume", (HANDED, ANSWERED), "answered calls a second person had / answered"),
)
