"""The page docs/kpi.md: every figure's definition, from the objects that compute it."""

from collections.abc import Iterator

from hotline.stats.kpi.model import TABLES, Kpi
from hotline.stats.kpi.registry import KPIS, name_of, words
from hotline.stats.sql_text import sql_of


def document() -> str:
    """The whole page."""
    page = words()["document"]
    lines = [f"# {page['title']}", "", *page["intro"]]
    for family, heading in words()["families"].items():
        lines += ["", f"## {heading}"]
        for kpi in KPIS.values():
            if kpi.family == family:
                lines += ["", *_entry(kpi)]
    return "\n".join(lines) + "\n"


def _entry(kpi: Kpi) -> Iterator[str]:
    said, page = name_of(kpi.key), words()["document"]
    unit = words()["units"][kpi.unit.value]
    yield f"### {said['name']} `{kpi.key}`"
    yield ""
    yield f"- {page['formula']}{said['formula']}" + (f" ({unit})" if unit else "")
    if said["rules"]:
        yield f"- {page['rules']}{said['rules']}"
    if source := words()["sources"].get(kpi.source):
        yield f"- {page['source']}{source}"
    yield f"- {page['english']}{kpi.english}"
    for name, measure in kpi.parts.items():
        table = TABLES[measure.subject].name
        part, rows = words()["words"][name], name_of(measure.key, "measures")
        yield f"- {part}: {rows}, `{table}`, `{measure.day.name}`"
        yield f"  `{sql_of(measure)}`"
