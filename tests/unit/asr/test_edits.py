"""Edits in steps lead back to the raw text; two maps make one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.dialect import guards_of, lexicon_of
from asr.edits import Change, Edit, Tracked, composed
from asr.normalize import normalize, warm

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    warm()


def test_steps_add_up() -> None:
    tracked = Tracked("我屋头莫得一万五")
    tracked.apply("dialect", [Edit(1, 3, "家里"), Edit(3, 5, "没有")])
    tracked.apply("number", [Edit(5, 8, "15000")])
    tracked.apply("written", [Edit(5, 10, "15000元")])
    assert tracked.text == "我家里没有15000元"
    assert tracked.spans().to_raw(5, 11) == (5, 8)
    assert tracked.changes[-1] == Change("written", 5, 8, "15000", "15000元")


def test_edits_that_change_nothing_are_no_changes() -> None:
    tracked = Tracked("工资")
    tracked.apply("dialect", [Edit(0, 2, "工资")])
    assert tracked.changes == []
    assert tracked.spans().runs == ((0, 2, 0, 2),)


def test_what_is_dropped_leaves_the_rest_in_place() -> None:
    tracked = Tracked("呃工资")
    tracked.apply("width", [Edit(0, 1, "")])
    assert tracked.text == "工资"
    assert tracked.spans().to_raw(0, 2) == (1, 3)
    assert tracked.placed({0: 5, 2: 7}) == {1: 7}


def steps(text: str) -> st.SearchStrategy[list[Edit]]:
    """Edits of a text that are in order and apart."""
    cuts = st.lists(st.integers(0, len(text)), unique=True, max_size=6).map(sorted)
    news = st.lists(st.text(alphabet=list("甲乙丙"), max_size=3), min_size=6, max_size=6)
    return st.tuples(cuts, news).map(
        lambda both: [
            Edit(start, end, new)
            for start, end, new in zip(both[0][::2], both[0][1::2], both[1], strict=False)
            if end > start
        ]
    )


@settings(max_examples=300)
@given(st.data())
def test_one_map_of_two_steps(data: st.DataObject) -> None:
    raw = data.draw(st.text(alphabet=list("天地人你我他"), max_size=12))
    first, both = Tracked(raw), Tracked(raw)
    once = data.draw(steps(raw))
    first.apply("one", once)
    both.apply("one", once)
    second = Tracked(first.text)
    twice = data.draw(steps(first.text))
    second.apply("two", twice)
    both.apply("two", twice)
    assert second.text == both.text
    joint = composed(second.spans(), first.spans())
    for at in range(len(both.text)):
        # by the whole of what was replaced: a map reads a replacement of as many characters one to one
        left, right = next(run[2:] for run in both.spans().runs if run[0] <= at < run[1])
        low, high = joint.to_raw(at, at + 1)
        assert left <= low < high <= right


@given(st.text(alphabet=list("我屋头莫得钱晓一万五笑工子資？ a"), max_size=30))
def test_raw_text_can_be_put_together_again(raw: str) -> None:
    """What the map does not reach was dropped spaces; everything else is where the map says."""
    runs = normalize(raw).spans.runs
    covered = {at for _, _, left, right in runs for at in range(left, right)}
    assert all(raw[at].isspace() for at in range(len(raw)) if at not in covered)


@pytest.mark.parametrize(
    ("guard", "text", "found"),
    [
        ("before=你|我", "我崽", True),
        ("before=你|我", "他崽", False),
        ("!before=你", "你崽", False),
        ("after=呢", "崽呢", True),
        ("!after=呢", "崽呢", False),
        ("near=婚", "要离婚了崽", True),
        ("!near=婚", "要离婚了崽", False),
        ("last", "崽，好", True),
        ("last", "崽好", False),
        ("first", "好，崽", True),
        ("!first", "崽", False),
        ("first last", "崽", True),
    ],
)
def test_guards(guard: str, text: str, found: bool) -> None:
    lexicon = lexicon_of([["崽", "子", "", "崽", guard]])
    assert bool(lexicon.find(text)) is found


@pytest.mark.parametrize("guard", ["nowhere=x", "before=", "before", "last=x", "!"])
def test_bad_guards_are_named(guard: str) -> None:
    with pytest.raises(ValueError, match="no condition"):
        guards_of(guard)
