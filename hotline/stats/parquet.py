"""Writes a table as a Parquet file, typed, a group of rows at a time."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import IO, Any

from hotline.errors import ConfigError
from hotline.stats.sheets import Sheet, Value, in_text

GROUP = 20_000
"""Rows held in memory at once."""


def write_parquet(sheet: Sheet, stream: IO[bytes]) -> int:
    """Write the table; how many rows. Raises `ConfigError` where pyarrow is not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise ConfigError(["Parquet needs pyarrow; pip install 'hotline12348[parquet]'"]) from None
    types = {
        "text": pyarrow.string(),
        "time": pyarrow.timestamp("ms", tz="Asia/Shanghai"),
        "day": pyarrow.date32(),
        "count": pyarrow.int64(),
        "number": pyarrow.float64(),
        "percent": pyarrow.float64(),
    }
    kinds = sheet.kinds or ("text",) * len(sheet.headings)
    schema = pyarrow.schema(
        [pyarrow.field(name, types[kind]) for name, kind in zip(sheet.headings, kinds, strict=True)]
    )
    count = 0
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for rows in _groups(sheet.lines()):
            columns = [
                pyarrow.array([_plain(value, kind) for value in column], types[kind])
                for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
            count += len(rows)
    return count


def _groups(rows: Any) -> Iterator[list[Sequence[Value]]]:
    left = iter(rows)
    while group := list(islice(left, GROUP)):
        yield group


def _plain(value: Value, kind: str) -> Any:
    if value is None or (value == "" and kind != "text"):
        return None
    if kind == "text":
        return in_text(value)
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, date | int | float) else None
