"""Flow files: loading, clear errors, the checked-in schema."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import ConfigError
from hotline.ivr.flow import FlowFile, ListenNode, json_schema, prompt_ids, transitions
from hotline.yaml_file import parse_yaml

pytestmark = pytest.mark.unit

FLOWS = Path(__file__).parents[4] / "ivr_flows"


def _flow(**changes: Any) -> dict[str, Any]:
    flow: dict[str, Any] = {
        "name": "tiny",
        "version": 1,
        "description": "a test",
        "start": "hello",
        "end": "bye",
        "nodes": {
            "hello": {"kind": "say", "prompts": ["hello"], "next": "bye"},
            "bye": {"kind": "hangup", "prompts": ["bye"]},
        },
    }
    flow["nodes"].update(changes.pop("nodes", {}))
    return flow | changes


def _load(tmp_path: Path, content: object) -> FlowFile:
    path = tmp_path / "tiny.yaml"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return FlowFile.load(path)


def _problems(tmp_path: Path, content: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, content)
    return caught.value.problems


def test_the_shipped_flow_loads_and_starts_with_a_greeting() -> None:
    flow = FlowFile.load(FLOWS / "12348.yaml")
    assert flow.name == "12348"
    assert flow.start == "greeting"
    assert isinstance(flow.nodes["message"], ListenNode)


def test_the_checked_in_schema_is_current() -> None:
    assert (FLOWS / "flow.schema.json").read_text(encoding="utf-8") == json_schema()


def test_the_schema_is_closed_and_knows_every_kind() -> None:
    schema = json.loads(json_schema())
    kinds = {
        kind["properties"]["kind"]["const"]
        for kind in schema["$defs"].values()
        if "kind" in kind.get("properties", {})
    }
    assert kinds == {"say", "menu", "listen", "queue", "rating", "missing", "file_work_order", "hangup"}
    assert schema["additionalProperties"] is False
    assert all(kind["additionalProperties"] is False for kind in schema["$defs"].values())


def test_an_unknown_field_is_named_with_file_and_node(tmp_path: Path) -> None:
    node = {"kind": "say", "prompts": ["hello"], "next": "bye", "colour": "red"}
    (problem,) = _problems(tmp_path, _flow(nodes={"hello": node}))
    assert problem.startswith(f"{tmp_path / 'tiny.yaml'}: nodes.hello.colour: ")


def test_an_unknown_kind_is_an_error(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, _flow(nodes={"hello": {"kind": "dance"}}))
    assert "nodes.hello" in problem
    assert "dance" in problem


def test_every_lost_transition_is_named(tmp_path: Path) -> None:
    node = {"kind": "queue", "queue": "duty", "answered": "nowhere", "unanswered": "void"}
    (problem,) = _problems(tmp_path, _flow(nodes={"hello": node}))
    assert "nodes.hello.answered: no node 'nowhere'" in problem
    assert "nodes.hello.unanswered: no node 'void'" in problem


def test_the_end_must_be_a_hangup(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, _flow(end="hello"))
    assert "must be a hangup node" in problem


def test_a_notice_cannot_be_skipped(tmp_path: Path) -> None:
    node = {"kind": "say", "prompts": ["hello"], "next": "bye", "consent": "1", "interruptible": True}
    (problem,) = _problems(tmp_path, _flow(nodes={"hello": node}))
    assert "recording notice" in problem


def test_a_key_cannot_both_end_and_lead_on(tmp_path: Path) -> None:
    retry = {"then": "bye"}
    node = {
        "kind": "listen",
        "prompts": ["hello"],
        "next": "bye",
        "keys": {"#": "bye"},
        "no_input": retry,
        "no_match": retry,
    }
    (problem,) = _problems(tmp_path, _flow(nodes={"hello": node}))
    assert "key # is in both" in problem


def test_unquoted_menu_keys_are_keys(tmp_path: Path) -> None:
    retry = {"then": "bye"}
    node = {
        "kind": "menu",
        "prompts": ["hello"],
        "choices": {"1": "bye"},
        "no_input": retry,
        "no_match": retry,
    }
    text = json.dumps(_flow(nodes={"hello": node})).replace('"1":', "1:")
    flow = _load(tmp_path, text)
    assert ("choices.1", "bye") in transitions(flow.nodes["hello"])


def test_retry_prompts_count_as_prompts() -> None:
    flow = FlowFile.load(FLOWS / "12348.yaml")
    assert prompt_ids(flow.nodes["message"]) == ("take_message", "message_again", "message_unclear")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: &x [1]\nb: *x", ":2: aliases"),
        ("a: 1\na: 2", ":2: the key 'a' is there twice"),
        ("[" * 30 + "]" * 30, "nested too deeply"),
        ("a: [1", "expected"),
        ("a: !!python/object:os.system x", "constructor"),
        ("a: 2026-13-45", "not YAML"),
        ("- x\n--- \n- y", "expected a single document"),
        ("\x00", "not YAML"),
        ("x" * 600_000, "larger than"),
    ],
)
def test_yaml_that_is_no_data_is_refused_by_name(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text.encode(), "some.yaml")
    assert str(caught.value).startswith("some.yaml")
    assert hint in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_config_error(data: bytes) -> None:
    try:
        parse_yaml(data, "some.yaml")
    except ConfigError as error:
        assert error.problems


_leaf = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("bye")
_tree = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(_tree, st.sampled_from(["name", "start", "nodes", "version", "description"]))
def test_any_tree_in_any_field_is_a_flow_or_a_config_error(tree: Any, field: str) -> None:
    path = Path("x.yaml")
    content = _flow() | {field: tree}
    try:
        FlowFile.model_validate(content)
    except ValueError:
        assert path.name  # pydantic's ValidationError is a ValueError; anything else fails the test


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        FlowFile.load(tmp_path / "gone.yaml")
    assert "gone.yaml" in str(caught.value)
