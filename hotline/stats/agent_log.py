"""Writes the log of queue and agents: as a table, as JSON lines, or as Asterisk's queue_log."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Literal, get_args

from hotline.acd.model import AcdLog, LogKind
from hotline.errors import ConfigError
from hotline.stats import sheets
from hotline.stats.sheets import Sheet

LogFormat = Literal["csv", "xlsx", "jsonl", "queue_log"]


def write_log(lines: Iterable[AcdLog], target: IO[bytes], fmt: str) -> int:
    """Write lines into an open binary stream; how many. Memory does not grow with them.

    Raises `ConfigError` for a format that is none.
    """
    match fmt:
        case "csv" | "xlsx":
            return sheets.write(_sheet(lines), target, "csv" if fmt == "csv" else "xlsx")
        case "jsonl":
            return _text((_json(line) for line in lines), target)
        case "queue_log":
            return _text((queue_log(line) for line in lines), target)
    raise ConfigError([f"--format {fmt}: must be one of {', '.join(get_args(LogFormat))}"])


def queue_log(line: AcdLog) -> str:
    """A line as Asterisk writes it: `epoch|call|queue|agent|EVENT|…`, the parameters in its order.

    Times are whole seconds there, ringing in milliseconds; `NONE` stands for what a line does not have. The
    original position, the channel and the caller's number stay empty. What only this line knows has its
    facts as `name=value`.
    """
    head = (str(int(line.at.timestamp())), line.call or "NONE", line.queue or "NONE", line.agent or "NONE")
    return "|".join((*head, line.kind.value.upper(), *_parameters(line)))


def _parameters(line: AcdLog) -> Iterator[str]:
    facts = line.facts
    match line.kind:
        case LogKind.ENTERQUEUE:
            yield from ("", "", str(facts.get("position", "")))
        case LogKind.CONNECT:
            yield from (_seconds(line, "waited_ms"), "", _seconds(line, "ring_ms"))
        case LogKind.ABANDON | LogKind.EXITWITHTIMEOUT | LogKind.EXITEMPTY:
            yield from (str(facts.get("position", "")), "", _seconds(line, "waited_ms"))
        case LogKind.RINGNOANSWER | LogKind.RINGCANCELED:
            yield str(facts.get("ring_ms", ""))
        case LogKind.COMPLETEAGENT | LogKind.COMPLETECALLER:
            yield from (_seconds(line, "waited_ms"), _seconds(line, "talked_ms"), "")
        case _:
            yield from (f"{name}={value}" for name, value in sorted(facts.items()))


def _seconds(line: AcdLog, fact: str) -> str:
    value = line.facts.get(fact)
    return str(round(float(value) / 1000)) if isinstance(value, int | float) else ""


def _json(line: AcdLog) -> str:
    fields = {
        "at": _exact(line.at),
        "kind": line.kind.value,
        "call": line.call,
        "queue": line.queue,
        "agent": line.agent,
        "facts": dict(line.facts),
    }
    return json.dumps(fields, ensure_ascii=False)


def _sheet(lines: Iterable[AcdLog]) -> Sheet:
    words = sheets.headings()
    rows = (
        (
            _exact(line.at),
            line.kind.value.upper(),
            line.call or "",
            line.queue,
            line.agent or "",
            json.dumps(dict(line.facts), ensure_ascii=False, sort_keys=True),
        )
        for line in lines
    )
    return Sheet(
        title=words["sheets"]["acd_log"],
        headings=tuple(words["columns"]["acd_log"].values()),
        rows=rows,
        definitions_title=words["sheets"]["definitions"],
        definitions=tuple((term, meaning) for term, meaning in words["definitions"]["acd_log"]),
    )


def _exact(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(lines: Iterable[str], target: IO[bytes]) -> int:
    count = 0
    for line in lines:
        target.write(f"{line}\n".encode())
        count += 1
    return count
