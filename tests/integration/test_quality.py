"""Quality inspection on both databases: a day drawn once, its share, sheets, issues until put right."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from hotline.conversation import Candidate, Intent, Source
from hotline.errors import ConfigError
from hotline.stats.days import day_number
from hotline.stats.quality import Quality, QualityRefused, refuse_wrong
from hotline.stats.quality_rules import read_quality
from hotline.stats.redraw import redraw
from hotline.store.codec import intent_values
from hotline.store.engine import make_engine, writing
from hotline.store.quality_tables import quality_days, quality_samples
from hotline.store.stat_tables import call_facts
from hotline.store.tables import calls, intents
from hotline.store.upgrade import upgrade

pytestmark = pytest.mark.integration

FLOWS = Path(__file__).parents[2] / "ivr_flows"
RULES = read_quality(FLOWS)
DAY = day_number(date(2026, 11, 23))
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
FULL = {item.id: item.most for item in RULES.sheet}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = f"sqlite:///{tmp_path / 'quality.sqlite3'}"
    made = make_engine(sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    upgrade(made)
    yield made
    made.dispose()


def fact(number: int, **more: object) -> dict[str, object]:
    row = {
        "call_id": f"c{number:03}", "started": NOW, "day": DAY, "hour": 9, "channel": "phone",
        "queue": "legal", "agent": "li" if number % 2 else "wang", "matter": "", "service": "", "place": "",
        "outcome": "answered", "fate": "answered", "test": 0, "wait_ms": 0, "talk_ms": 60_000, "hold_ms": 0,
        "wrap_ms": 0, "hands": 1, "asked": 1, "mark": None, "orders": 0, "known": 1, "repeated": 0,
    }  # fmt: skip
    return row | more


def fill(engine: Engine, count: int = 100) -> None:
    rows = [fact(number) for number in range(count)]
    rows[3] = fact(3, mark=1)
    rows[4] = fact(4, talk_ms=21 * 60_000)
    rows += [fact(200, fate="abandoned"), fact(201, test=1), fact(202, day=DAY + 1)]
    crisis = Intent(
        Candidate("other", "其他", 0.5),
        Candidate("consult", "咨询", 0.5),
        (),
        (),
        (),
        Source.SPEECH,
        ("crisis",),
    )
    with writing(engine) as connection:
        connection.execute(call_facts.insert(), rows)
        called = {
            "id": "c005",
            "state": "closed",
            "channel": "phone",
            "remote": "1",
            "dialled": "2",
            "started": NOW,
        }
        connection.execute(calls.insert(), [called])
        row = {**intent_values("c005", crisis, NOW), "call_started": NOW}  # type: ignore[arg-type]
        connection.execute(intents.insert(), [row])


def test_a_day_is_drawn_once_whoever_asks_and_what_rules_name_is_in_it(engine: Engine) -> None:
    fill(engine)
    quality = Quality(engine)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Quality(engine).draw(DAY, RULES, NOW), range(8)))
    drawn = quality.drawn(DAY)
    assert drawn is not None
    reasons = {row.call_id: row.reasons for row in drawn.samples}
    assert drawn.answered == 100
    assert len(reasons) == 5  # five per cent: three by rules, two by chance
    named = {call: found for call, found in reasons.items() if found}
    assert named == {"c003": ["unhappy"], "c004": ["long"], "c005": ["crisis"]}
    quality.draw(DAY, RULES, NOW)
    again = quality.drawn(DAY)
    assert again is not None
    assert (again.seed, again.samples) == (drawn.seed, drawn.samples)
    assert quality.drawn(DAY + 1) is None
    quality.draw(DAY + 5, RULES, NOW)
    empty = quality.drawn(DAY + 5)
    assert empty is not None
    assert empty.samples == ()


def test_what_a_day_was_drawn_from_is_kept_and_anybody_draws_the_same_again(engine: Engine) -> None:
    fill(engine)
    assert redraw(engine, DAY) is None
    quality = Quality(engine)
    quality.draw(DAY, RULES, NOW)
    with writing(engine) as connection:  # facts go on changing; what was drawn from does not
        connection.execute(update(call_facts).where(call_facts.c.call_id == "c007").values(test=1))
        connection.execute(call_facts.insert(), [fact(300)])
    drawn = quality.drawn(DAY)
    again = redraw(engine, DAY)
    assert drawn is not None
    assert again is not None
    assert drawn.drawn_from == tuple(f"c{number:03}" for number in range(100))
    by_chance = [row.call_id for row in drawn.samples if not row.reasons]
    assert (again.kept, again.same, again.seed) == (True, True, drawn.seed)
    assert again.named == ("c003", "c004", "c005")
    assert list(again.drawn) == list(again.chance) == by_chance
    with writing(engine) as connection:  # somebody puts a call there that suits
        other = next(call for call in drawn.drawn_from if call not in {row.call_id for row in drawn.samples})
        mine = quality_samples.c.call_id == by_chance[0]
        connection.execute(update(quality_samples).where(mine).values(call_id=other))
    swapped = redraw(engine, DAY)
    assert swapped is not None
    assert not swapped.same
    assert other not in swapped.chance


def test_a_day_drawn_before_its_population_was_kept_cannot_be_drawn_again(engine: Engine) -> None:
    fill(engine)
    Quality(engine).draw(DAY, RULES, NOW)
    Quality(engine).draw(DAY + 5, RULES, NOW)
    with writing(engine) as connection:
        connection.execute(update(quality_days).values(drawn_from=[]))
    old, empty = redraw(engine, DAY), redraw(engine, DAY + 5)
    assert old is not None
    assert (old.kept, old.same) == (False, False)
    assert empty is not None
    assert (empty.kept, empty.same) == (True, True)  # a day without calls has none to keep


def test_sheets_and_issues_go_their_way_and_nobody_inspects_an_own_call(engine: Engine) -> None:
    fill(engine)
    quality = Quality(engine)
    quality.draw(DAY, RULES, NOW)
    drawn = quality.drawn(DAY)
    assert drawn is not None
    [sample] = [row for row in drawn.samples if row.call_id == "c003"]  # li's
    refuse_wrong(FULL, RULES)
    for wrong in ({}, FULL | {"manner": 21}, FULL | {"more": 1}):
        with pytest.raises(QualityRefused):
            refuse_wrong(wrong, RULES)
    with pytest.raises(QualityRefused):
        quality.score(sample.id, 1, "li", (FULL, ""), NOW)
    quality.score(sample.id, 1, "zhao", (FULL | {"manner": 10}, "语气急"), NOW)
    with pytest.raises(QualityRefused):
        quality.score(sample.id, 1, "qian", (FULL, ""), NOW)  # somebody was quicker
    issue = quality.raise_issue(sample.id, "zhao", "要先问候", NOW)
    with pytest.raises(QualityRefused):
        quality.answer(issue, "wang", "好", NOW)
    with pytest.raises(QualityRefused):
        quality.verify(issue, "zhao", "好", NOW)  # not answered yet
    quality.answer(issue, "li", "已改", NOW)
    quality.send_back(issue, "zhao", "还没有")
    assert [row.state for row in quality.issues(agent="li")] == ["raised"]
    quality.answer(issue, "li", "这次改了", NOW)
    with pytest.raises(QualityRefused):
        quality.verify(issue, "li", "好", NOW)
    quality.verify(issue, "zhao", "好", NOW)
    other = quality.raise_issue(sample.id, "zhao", "再说一条", NOW)
    assert other != issue
    [li] = [each for each in quality.tally(DAY, DAY + 1) if each.agent == "li"]
    assert (li.inspected, li.points, li.found, li.fixed) == (1, RULES.full - 10, 2, 1)
    assert [row.call_id for row in quality.issues(sample=sample.id)] == ["c003", "c003"]


def test_rules_that_are_wrong_are_named(tmp_path: Path) -> None:
    (tmp_path / "quality.yaml").write_text("version: 1\nshare: 0\nsheet: []\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_quality(tmp_path)
    assert {"share", "marks", "sheet"} <= {problem.split(": ")[1] for problem in caught.value.problems}
