"""Priorities and skills as data: the shipped file is sound, and a wrong one says where."""

from pathlib import Path

import pytest

from hotline.acd.policy import AcdPolicy, read_acd_policy
from hotline.conversation import CallId
from hotline.errors import ConfigError

pytestmark = pytest.mark.unit

SHIPPED = Path(__file__).parents[4] / "ivr_flows"
CALL = CallId("c1")


@pytest.fixture(scope="module")
def policy() -> AcdPolicy:
    return read_acd_policy(SHIPPED)


def test_wages_go_before_minors_and_these_before_the_rest(policy: AcdPolicy) -> None:
    wages = policy.want(CALL, "wages")
    assert (wages.priority, wages.reasons) == (30, ("green_channel",))
    assert wages.skills == {"labour"}
    minors = policy.want(CALL, "minors")
    plain = policy.want(CALL, "legal")
    dropped = policy.want(CALL, "legal", ["dropped_before"])
    assert wages.priority > minors.priority > dropped.priority > plain.priority == 0
    both = policy.want(CALL, "wages", ["minor", "green_channel"], ["dialect.zigong"])
    assert (both.priority, both.reasons) == (50, ("green_channel", "minor"))
    assert both.skills == {"labour", "dialect.zigong"}


def test_a_word_that_the_file_does_not_know_loses_no_call(policy: AcdPolicy) -> None:
    wanted = policy.want(CALL, "nowhere", ["no_reason"], agent="li")
    assert (wanted.queue, wanted.priority, wanted.skills, wanted.agent) == ("nowhere", 0, frozenset(), "li")


def test_the_shipped_rules_give_up_dialects_but_no_language(policy: AcdPolicy) -> None:
    asked = {"dialect.zigong", "labour", "language.yi"}
    assert policy.rules.droppable(asked) == ("dialect.zigong", "labour")
    assert policy.rules.queues["yi"] == {"language.yi"}


def test_a_folder_without_the_file_has_no_priorities(tmp_path: Path) -> None:
    assert read_acd_policy(tmp_path) == AcdPolicy()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("queues: {a: {label: A, skills: [nothing]}}", "queues.a.skills: no skill 'nothing'"),
        ("queues: {a: {label: A, reasons: [why]}}", "queues.a.reasons: no priority 'why'"),
        ("priorities: {a: {label: A, points: -1}}", "priorities.a.points"),
        ("busy: {rest: R}\nbusy_by_itself: {rest: R}", "busy.rest"),
        ("roster: {days: [[mon]]}", "roster.days: must be seven"),
        ("roster: {columns: {name: [x], phone: [X]}}", "'x' names two columns"),
        ("colour: red", "colour"),
        ("queues: [", "acd.yaml:1"),
    ],
)
def test_says_where_a_file_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "acd.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as wrong:
        read_acd_policy(tmp_path)
    assert problem in str(wrong.value)
    assert str(tmp_path) in str(wrong.value)
