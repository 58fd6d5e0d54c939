"""The queue's order, what calls give up asking for, and how long they are told it takes."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.acd.model import Wanted
from hotline.acd.queue import SkillRules, estimate, position, served_order
from hotline.conversation import CallId

pytestmark = pytest.mark.unit

RULES = SkillRules(give_up=("dialect.*", "labour"), keep=("language.*", "minors"))


@dataclass(frozen=True)
class Call:
    wanted: Wanted
    number: int
    head: bool = False


def call(number: int, priority: int = 0, *, head: bool = False, agent: str | None = None) -> Call:
    return Call(Wanted(CallId(f"c{number}"), "legal", priority, agent=agent), number, head)


def test_priority_first_then_the_head_then_age() -> None:
    order = served_order([call(4, head=True), call(1), call(2), call(3, priority=5)])
    assert [each.number for each in order] == [3, 4, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30))
def test_the_order_is_total_and_every_position_is_its_place(calls: list[tuple[int, bool]]) -> None:
    order = served_order([call(n, p, head=h) for n, (p, h) in enumerate(calls)])
    assert [position(each, order) for each in order] == list(range(1, len(order) + 1))
    for first, second in pairwise(order):
        assert first.wanted.priority >= second.wanted.priority
        if first.wanted.priority == second.wanted.priority and first.head == second.head:
            assert first.number < second.number


def test_a_call_for_one_agent_is_in_nobody_elses_way() -> None:
    order = served_order([call(1, agent="li"), call(2), call(3, agent="li"), call(4, agent="wu")])
    assert [position(each, order) for each in order] == [1, 1, 3, 2]
    assert position(call(9), order) == 0


@pytest.mark.parametrize(
    ("steps", "left"),
    [(0, {"labour", "dialect.zigong", "minors"}), (1, {"labour", "minors"}), (2, {"minors"})],
)
def test_skills_are_given_up_in_the_order_of_the_rules_and_never_the_kept(steps: int, left: set[str]) -> None:
    wants = frozenset({"labour", "dialect.zigong", "minors"})
    assert RULES.needed(wants, steps, [wants]) == left
    assert RULES.needed(wants, 99, [wants]) == {"minors"}


def test_what_nobody_on_duty_has_is_given_up_at_once_and_nothing_else() -> None:
    wants = frozenset({"labour", "dialect.zigong"})
    assert RULES.needed(wants, 0, [frozenset({"dialect.zigong"})]) == {"dialect.zigong"}
    # each is there, but in two people: the dialect goes first
    split = [frozenset({"dialect.zigong"}), frozenset({"labour"})]
    assert RULES.needed(wants, 0, split) == {"labour"}
    assert RULES.needed(frozenset({"minors"}), 5, [frozenset({"labour"})]) == {"minors"}
    assert RULES.needed(wants, 0, []) == frozenset()


def test_the_estimate_counts_who_is_before_and_how_many_serve() -> None:
    assert estimate(1, able=2, free=1, handle_s=300) == 0
    assert estimate(1, able=2, free=0, handle_s=300) == 150
    assert estimate(4, able=3, free=1, handle_s=300) == 300
    assert estimate(1, able=0, free=0, handle_s=300) is None
    assert estimate(0, able=2, free=0, handle_s=300) is None
