"""The results of a trial as a table, as JSON and as a picture (SVG)."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape

import numpy as np

from asr.evaluate import Summary, differences, summarise
from asr.trial import Cost, Results

NOT_KNOWN = "-"
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
LEFT, TOP, ROW, WIDE = 250, 64, 22, 560
"""Pixels: room for names, for the title, a bar's row, and 100 %."""


def as_table(results: Results) -> str:
    """Text in columns."""
    rows = [["condition", "kind", "engine", "clips", "chars", "CER", "95 % interval", "readings", "RTF"]]
    rows += [
        [
            each.condition,
            each.kind,
            each.engine,
            str(each.clips),
            str(each.characters),
            f"{each.cer:.1%}",
            f"{each.low:.1%}-{each.high:.1%}",
            f"{each.least:.1%}-{each.most:.1%}" if each.most > each.least else NOT_KNOWN,
            f"{each.rtf:.3f}",
        ]
        for each in summarise(results.scores)
    ]
    costs = [
        [
            "engine", "streams a core", "CPU s/s finals", "CPU s/s live", "memory MiB",
            "first partial p50/p95 s", "final p50/p95 s",
        ]
    ]  # fmt: skip
    costs += [
        [
            each.engine,
            _number(each.streams, ".1f"),
            _number(each.cpu_finals, ".3f"),
            _number(each.cpu_live, ".3f"),
            _number(each.memory_mib, ".0f"),
            _pair(each.delays.partials if each.delays else ()),
            _pair(each.delays.finals if each.delays else ()),
        ]
        for each in results.costs
    ]
    return "\n".join(
        [
            "CER by character, 95 % bootstrap interval over clips; readings: lowest and highest of several",
            *_columns(rows),
            *_beside(results),
            "",
            "Cost, each utterance read by itself; delays of one caller on an idle line (last condition)",
            *_columns(costs),
        ]
    )


def _beside(results: Results) -> list[str]:
    """The first engine against each other one, where there is another."""
    rows = [
        [
            each.condition,
            f"{each.engine} - {each.other}",
            f"{100 * each.cer:+.1f}",
            f"{100 * each.low:+.1f} .. {100 * each.high:+.1f}",
        ]
        for each in differences(results.scores)
    ]
    if not rows:
        return []
    title = "Difference in CER, clip by clip (percentage points)"
    return ["", title, *_columns([["condition", "engines", "difference", "95 % interval"], *rows])]


def as_json(results: Results) -> str:
    """Summaries, costs and every reading."""
    content = {
        "summaries": [asdict(each) for each in summarise(results.scores)],
        "differences": [asdict(each) for each in differences(results.scores)],
        "costs": [_cost(each) for each in results.costs],
        "clips": [asdict(each) for each in results.scores],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def as_svg(results: Results) -> str:
    """A bar with its interval for every condition and engine, over all clips."""
    found = [each for each in summarise(results.scores) if _is_whole(each, results)]
    engines = list(dict.fromkeys(each.engine for each in found))
    parts, at, before = [], TOP, ""
    for each in found:
        if each.condition != before:
            at += ROW // 2
            parts.append(_text(8, at + 12, each.condition, weight="bold"))
            at, before = at + ROW, each.condition
        parts += _bar(each, at, COLOURS[engines.index(each.engine) % len(COLOURS)])
        at += ROW
    clips = max((each.clips for each in found), default=0)
    title = f"Character error rate with 95 % interval, {clips} clips"
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDE + 90}" height="{at + 16}" '
                'font-family="sans-serif" font-size="12">'
            ),
            '<rect width="100%" height="100%" fill="white"/>',
            _text(8, 20, title, weight="bold"),
            *_scale(at),
            *parts,
            "</svg>",
            "",
        ]
    )


def _is_whole(each: Summary, results: Results) -> bool:
    """All kinds together, or the only kind."""
    return each.kind == "total" or len({score.kind for score in results.scores}) == 1


def _bar(each: Summary, at: int, colour: str) -> list[str]:
    most = LEFT + WIDE
    end, low, high = (min(most, LEFT + share * WIDE) for share in (each.cer, each.low, each.high))
    middle = at + ROW // 2 - 3
    return [
        _text(20, at + 12, each.engine),
        (
            f'<rect x="{LEFT}" y="{at}" width="{end - LEFT:.1f}" height="{ROW - 6}" fill="{colour}" '
            'fill-opacity="0.75"/>'
        ),
        (
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8" '
            'stroke="black" fill="none"/>'
        ),
        _text(high + 6, at + 12, f"{each.cer:.1%}"),
    ]


def _scale(bottom: int) -> list[str]:
    found = []
    for share in range(0, 101, 20):
        x = LEFT + WIDE * share // 100
        found.append(f'<path d="M{x} {TOP - 12}V{bottom}" stroke="#ddd"/>')
        found.append(_text(x - 10, TOP - 18, f"{share} %"))
    return found


def _text(x: float, y: float, words: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{escape(words)}</text>'


def _cost(each: Cost) -> dict[str, object]:
    return {
        "engine": each.engine,
        "streams_a_core": each.streams,
        "cpu_finals": each.cpu_finals,
        "cpu_live": each.cpu_live,
        "memory_mib": each.memory_mib,
        "first_partial": _percentiles(each.delays.partials if each.delays else ()),
        "final": _percentiles(each.delays.finals if each.delays else ()),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """Seconds; None where nothing was measured."""
    if not values:
        return None
    middle, late = (float(each) for each in np.percentile(values, [50, 95]))
    return {"count": len(values), "p50": middle, "p95": late}


def _number(value: float | None, form: str) -> str:
    return NOT_KNOWN if value is None else format(value, form)


def _pair(values: Sequence[float]) -> str:
    found = _percentiles(values)
    return NOT_KNOWN if found is None else f"{found['p50']:.2f}/{found['p95']:.2f}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Padded to the widest of each column; the first ones to the left, figures to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    words = {9: 3, 4: 2}.get(len(rows[0]), 1)
    return [
        "  ".join(
            cell.ljust(width) if n < words else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
