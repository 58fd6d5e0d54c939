"""How content callers are: only who gave a mark counts, and how many did stands beside it."""

from hotline.acd.tally import SATISFIED
from hotline.stats.kpi.model import Kpi, Unit, among, number, share, total
from hotline.stats.kpi.volume import CALLS
from hotline.store.stat_tables import call_facts

_c = call_facts.c
DISSATISFIED = 2
"""Marks up to here count as not satisfied."""

ASKED = among(CALLS, "asked", "calls whose caller was asked for a mark", _c.asked == 1)
RATED = among(CALLS, "rated", "calls with a valid mark, 1 to 5", _c.mark.is_not(None))
CONTENT = among(RATED, "satisfied", f"calls with a mark of {SATISFIED} or 5", _c.mark >= SATISFIED)
UNHAPPY = among(RATED, "dissatisfied", f"calls with a mark of {DISSATISFIED} or 1", _c.mark <= DISSATISFIED)

KPIS = (
    share(
        "satisfaction",
        "satisfaction",
        (CONTENT, RATED),
        f"marks of {SATISFIED} and 5 / valid marks",
        source="b4",
        rising=1,
    ),
    share("response_rate", "satisfaction", (RATED, ASKED), "valid marks / asked", source="b4", rising=1),
    Kpi(
        "mean_mark",
        "satisfaction",
        "sum of valid marks / valid marks",
        Unit.SCORE,
        total(RATED, "marks", "sum of valid marks", _c.mark),
        RATED,
        places=2,
        rising=1,
    ),
    number("dissatisfied", "satisfaction", UNHAPPY, f"marks of {DISSATISFIED} and 1"),
)
