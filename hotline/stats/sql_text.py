"""A measure's condition as SQL text, for people who want to count themselves."""

from sqlalchemy.dialects import sqlite

from hotline.stats.kpi.model import TABLES, How, Measure


def sql_of(measure: Measure) -> str:
    """The measure as one expression over its table; the same SQL runs on SQLite, PostgreSQL and DuckDB."""
    table = TABLES[measure.subject].name
    when = _plain(measure.when, table)
    if measure.value is None:
        return f"count(*) FILTER (WHERE {when})"
    name = "max" if measure.how is How.PEAK else "sum"
    return f"{name}({_plain(measure.value, table)}) FILTER (WHERE {when})"


def _plain(expression: object, table: str) -> str:
    compiled = expression.compile(  # type: ignore[attr-defined]
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    text = " ".join(str(compiled).split()).replace(f"{table}.", "")
    return "true" if text == "1" else text
