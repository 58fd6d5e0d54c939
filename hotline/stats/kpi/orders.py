"""Orders on their way: each share follows one cohort, and what is not finished counts in its denominator."""

from sqlalchemy import true

from hotline.stats.kpi.model import Kpi, Measure, Subject, among, count, number, share
from hotline.store.stat_tables import order_facts
from workorders.model import State

_o = order_facts.c
_GONE = (State.DRAFT.value, State.CANCELLED.value, State.MERGED.value)
_alive = _o.state.not_in(_GONE)

FILED = count(
    "orders",
    Subject.ORDERS,
    "orders filed in the period, drafts left out",
    _o.state != State.DRAFT.value,
    "filed_",
)
SENT = among(FILED, "orders_sent", "of these: given to a unit", _o.dispatched.is_not(None))
COHORT = count(
    "dispatched", Subject.ORDERS,
    "orders first given to a unit in the period, cancelled and merged ones left out", _alive, "dispatched_",
)  # fmt: skip
FINISHED = among(COHORT, "finished", "of these: answered, and the answer stands", _o.finished.is_not(None))
RETURNED = among(COHORT, "returned", "of these: sent back by a unit at least once", _o.returns > 0)
EXTENDED = among(COHORT, "extended", "of these: given more time at least once", _o.extensions > 0)
URGED = among(COHORT, "urged", "of these: urged at least once", _o.urges > 0)
SUPERVISED = among(COHORT, "supervised", "of these: supervised at any level", _o.level > 0)
REDONE = among(COHORT, "redone", "of these: done again at least once", _o.redos > 0)
TO_SIGN = count(
    "to_sign", Subject.ORDERS,
    "orders whose time to sign ends in the period, cancelled and merged ones left out", _alive, "sign_",
)  # fmt: skip
SIGNED = among(
    TO_SIGN, "signed_in_time", "of these: signed, or answered, not later than that", _o.signed <= _o.sign_by
)
DUE = count(
    "due", Subject.ORDERS, "orders due in the period, cancelled and merged ones left out", _alive, "due_"
)
ON_TIME = among(DUE, "on_time", "of these: answered not later than that", _o.finished <= _o.due)
ON_TIME_PLAIN = among(
    DUE, "on_time_plain", "of these: answered not later than without extensions", _o.finished <= _o.due_plain
)
SHOULD_VISIT = count(
    "to_visit", Subject.ORDERS, "orders whose answer was first approved in the period", true(), "approved_"
)
VISITED = among(SHOULD_VISIT, "visited", "of these: caller reached, or wants no more calls", _o.visited == 1)
VISIT_MARKED = among(SHOULD_VISIT, "visit_marked", "of these: caller gave a mark", _o.visit_mark.is_not(None))
VISIT_CONTENT = among(SHOULD_VISIT, "visit_satisfied", "of these: caller gave 4 or 5", _o.visit_mark >= 4)


def _of_cohort(key: str, part: Measure, english: str, rising: int = -1) -> Kpi:
    return share(key, "orders", (part, COHORT), english, source="b4", rising=rising)


KPIS = (
    number("orders", "orders", FILED, "orders filed"),
    share(
        "dispatch_rate",
        "orders",
        (SENT, FILED),
        "given to a unit / filed in the period",
        source="b4",
        rising=1,
    ),
    share(
        "sign_rate",
        "orders",
        (SIGNED, TO_SIGN),
        "signed in time / time to sign ends in the period",
        source="b4",
        rising=1,
    ),
    _of_cohort("finish_rate", FINISHED, "finished / given to a unit in the period", 1),
    share(
        "on_time_rate",
        "orders",
        (ON_TIME, DUE),
        "finished by the due date, extensions included / due in the period; unfinished ones count as late",
        source="b4",
        rising=1,
    ),
    share(
        "on_time_plain_rate",
        "orders",
        (ON_TIME_PLAIN, DUE),
        "finished by the first due date, extensions left out / due in the period",
        source="b4",
        rising=1,
    ),
    _of_cohort("return_rate", RETURNED, "sent back / given to a unit in the period"),
    _of_cohort("extension_rate", EXTENDED, "given more time / given to a unit in the period"),
    _of_cohort("urge_rate", URGED, "urged / given to a unit in the period"),
    _of_cohort("supervise_rate", SUPERVISED, "supervised / given to a unit in the period"),
    _of_cohort("redo_rate", REDONE, "done again / given to a unit in the period"),
    share(
        "visit_rate",
        "visits",
        (VISITED, SHOULD_VISIT),
        "caller asked / answer approved in the period",
        source="b4",
        rising=1,
    ),
    share(
        "visit_satisfaction",
        "visits",
        (VISIT_CONTENT, VISIT_MARKED),
        "marks of 4 and 5 / valid marks, of orders whose answer was approved in the period",
        source="b4",
        rising=1,
    ),
)
