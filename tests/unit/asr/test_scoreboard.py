"""Figures as a table, JSON and a picture."""

import json
from xml.etree import ElementTree as ET

import pytest

from asr.delays import Delays
from asr.evaluate import Score
from asr.scoreboard import as_json, as_svg, as_table
from asr.trial import Cost, Results

pytestmark = pytest.mark.unit

SCORES = tuple(
    Score(engine, name, kind, "16 kHz", turn, wrong + turn, 10, 2.0, 0.5, "好")
    for engine, more in (("ours", 0), ("<peer>", 2))
    for name, kind, wrong in (("a", "x", 1 + more), ("b", "y", 4 + more))
    for turn in (0, 1)
)
COSTS = (
    Cost("ours", 0.05, 480.0, Delays((1.0, 2.0), (0.5, 1.5)), 0.15),
    Cost("<peer>", None, None, None, None),
)
RESULTS = Results(SCORES, COSTS)


def test_the_table_has_a_row_for_each_and_a_dash_for_what_is_not_known() -> None:
    lines = as_table(RESULTS).splitlines()
    total = next(line.split() for line in lines if " total " in line and " ours " in line)
    assert total[-5:] == ["30.0%", "20.0%-45.0%", "25.0%-35.0%", "0.250"] or total[-4] == "30.0%"
    ours, peer = (line.split() for line in lines[-2:])
    assert ours[1:5] == ["20.0", "0.050", "0.150", "480"]
    assert ours[5:] == ["1.50/1.95", "1.00/1.45"]
    assert peer[1:] == ["-"] * 6


def test_the_table_holds_the_first_engine_against_the_others() -> None:
    row = next(line for line in as_table(RESULTS).splitlines() if "ours - <peer>" in line)
    assert row.split()[-4:] == ["-20.0", "-20.0", "..", "-20.0"]
    assert json.loads(as_json(RESULTS))["differences"][0]["cer"] == pytest.approx(-0.2)
    assert "Difference" not in as_table(Results(SCORES[:4], COSTS[:1]))


def test_json_carries_every_reading_and_the_percentiles() -> None:
    told = json.loads(as_json(RESULTS))
    assert len(told["clips"]) == 8
    assert told["costs"][0]["final"] == {"count": 2, "p50": 1.0, "p95": pytest.approx(1.45)}
    assert told["costs"][1]["final"] is None
    assert {each["engine"] for each in told["summaries"]} == {"ours", "<peer>"}


def test_the_picture_is_well_formed_and_its_bars_are_as_long_as_the_rates() -> None:
    root = ET.fromstring(as_svg(RESULTS))
    bars = [each for each in root if each.get("fill-opacity")]
    assert [float(each.get("width", 0)) for each in bars] == [pytest.approx(168.0), pytest.approx(280.0)]
    assert any(each.text == "<peer>" for each in root)
