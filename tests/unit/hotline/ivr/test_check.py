"""`flows check`: each kind of broken flow is found, and the shipped ones are sound."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hotline.ivr.check import check_flow, check_flows, check_routes
from hotline.ivr.flow import FlowFile

pytestmark = pytest.mark.unit

FLOWS = Path(__file__).parents[4] / "ivr_flows"
TEXTS = {"hi": "您好", "number": "编号{number}", "odd": "{colour}", "bye": "再见"}

NOTICE = {"kind": "say", "prompts": ["hi"], "consent": "1", "next": "message"}
BYE = {"kind": "hangup", "prompts": ["bye"]}


def _message(**changes: Any) -> dict[str, Any]:
    node = {
        "kind": "listen",
        "prompts": ["hi"],
        "next": "file",
        "no_input": {"then": "bye"},
        "no_match": {"then": "bye"},
    }
    return node | changes


FILE = {"kind": "file_work_order", "order": "message", "filed": "told", "failed": "bye"}
TOLD = {"kind": "say", "prompts": ["number"], "next": "bye"}


def _check(**changes: dict[str, Any]) -> list[str]:
    nodes = {"notice": NOTICE, "message": _message(), "file": FILE, "told": TOLD, "bye": BYE} | changes
    flow = FlowFile.model_validate(
        {"name": "t", "version": 1, "description": "", "start": "notice", "end": "bye", "nodes": nodes}
    )
    return check_flow(flow, TEXTS, "t.yaml")


def test_the_shipped_folder_is_sound() -> None:
    assert check_flows(FLOWS) == []


def test_a_sound_flow_has_no_problems() -> None:
    assert _check() == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"island": TOLD}, "t.yaml:island: no call ever gets here"),
        (
            {
                "message": _message(no_input={"then": "pit"}),
                "pit": {"kind": "say", "prompts": ["hi"], "next": "pit"},
            },
            "t.yaml:pit: no way from here to a hangup",
        ),
        (
            {"message": _message(no_input={"then": "notice"})},
            "t.yaml:message: leads back to itself without the caller doing anything",
        ),
        (
            {"message": _message(no_match={"then": "message"})},
            "t.yaml:message: leads back to itself without the caller doing anything",
        ),
        (
            {"notice": NOTICE | {"consent": None}},
            "t.yaml:message: can be reached before the recording notice (a say node with `consent`)",
        ),
        (
            {"told": TOLD | {"prompts": ["lost"]}},
            "t.yaml:told: prompt 'lost' has no text in prompts/zh-CN.yaml",
        ),
        ({"told": TOLD | {"prompts": ["odd"]}}, "t.yaml:told: prompt 'odd' has an unknown value {colour}"),
        (
            {"bye": BYE | {"prompts": ["number"]}},
            "t.yaml:bye: prompt 'number' reads out a number before an order is filed",
        ),
        (
            {"message": _message(no_match={"again": ["lost"], "then": "bye"})},
            "t.yaml:message: prompt 'lost' has no text in prompts/zh-CN.yaml",
        ),
    ],
)
def test_what_is_wrong_is_found_and_named(changes: dict[str, Any], problem: str) -> None:
    assert problem in _check(**changes)


def test_the_callers_own_words_may_lead_back() -> None:
    assert _check(message=_message(next="told"), told=TOLD | {"prompts": ["hi"], "next": "file"},
                  file=FILE | {"filed": "more"}, more=_message(next="told")) == []  # fmt: skip


def test_a_queue_before_the_notice_is_found() -> None:
    queue = {"kind": "queue", "queue": "duty", "answered": "bye", "unanswered": "message"}
    problems = _check(notice=NOTICE | {"consent": None, "next": "queue"}, queue=queue)
    assert any(problem.startswith("t.yaml:queue: can be reached before") for problem in problems)


def test_a_folder_without_flows_is_no_sound_folder(tmp_path: Path) -> None:
    assert f"{tmp_path}: no flow file" in check_flows(tmp_path)


def test_a_broken_file_is_named_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("nodes: [", encoding="utf-8")
    (tmp_path / "12348.yaml").write_text((FLOWS / "12348.yaml").read_text("utf-8"), encoding="utf-8")
    problems = check_flows(tmp_path)
    assert any("broken.yaml" in problem for problem in problems)
    assert any("zh-CN.yaml" in problem for problem in problems)


def test_a_category_without_a_route_is_named(tmp_path: Path) -> None:
    for name in ("policies.yaml", "places.tsv", "intents.yaml", "calendar-2026.tsv", "calendar-2027.tsv"):
        (tmp_path / name).write_bytes((FLOWS / name).read_bytes())
    routing = yaml.safe_load((FLOWS / "routing.yaml").read_text("utf-8"))
    del routing["matters"]["labour"]
    (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing, allow_unicode=True), encoding="utf-8")
    assert any("labour.wages has no route" in problem for problem in check_routes(tmp_path))


def test_intents_of_another_shape_are_named(tmp_path: Path) -> None:
    (tmp_path / "intents.yaml").write_text("matters: 3", encoding="utf-8")
    (problem,) = check_routes(tmp_path)
    assert "intents.yaml" in problem
