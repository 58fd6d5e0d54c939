"""Rosters as people write them: headings, labels, days and hours in Chinese; every mistake by its line."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.acd.model import Agent, Shift
from hotline.acd.policy import AcdPolicy, read_acd_policy
from hotline.acd.roster_file import read_roster, write_roster
from hotline.errors import ConfigError
from hotline.store.roster import Profile

pytestmark = pytest.mark.unit

POLICY: AcdPolicy = read_acd_policy(Path(__file__).parents[4] / "ivr_flows")
ROSTER = """用户名,姓名,技能,话机,仅用话机,执业证号,执业证有效期,值班
li,李律师,劳动争议与欠薪、自贡话,8001,否,15101201010123456,2027-05-31,周一至周五 9:00-17:30；周六 22:00至6:00
wu,吴律师,language.yi,8002,是,,,

chen,,,,,,,
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        read_roster(text.encode(), POLICY, "roster.csv")
    return list(wrong.value.problems)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_reads_what_office_programs_write(encoding: str) -> None:
    li, wu, chen = read_roster(ROSTER.encode(encoding), POLICY, "roster.csv")
    assert li == Profile(
        Agent(
            "li",
            "李律师",
            frozenset({"labour", "dialect.zigong"}),
            "8001",
            "15101201010123456",
            date(2027, 5, 31),
            (Shift(frozenset(range(5)), 540, 1050), Shift(frozenset({5}), 1320, 360)),
        )
    )
    assert wu.agent.skills == {"language.yi"}
    assert (wu.agent.phone, wu.phone_only) == ("8002", True)
    assert chen == Profile(Agent("chen", "chen", frozenset()))


@pytest.mark.parametrize(
    ("hours", "shift"),
    [
        ("每天 0:00-24:00", Shift(frozenset(range(7)), 0, 1440)),
        ("08:00－12:00", Shift(frozenset(range(7)), 480, 720)),
        ("周六至周一 8:00到12:00", Shift(frozenset({5, 6, 0}), 480, 720)),
        ("星期三、周日 20:00~8:00", Shift(frozenset({2, 6}), 1200, 480)),
        ("Mon-Fri 9:00-17:00", Shift(frozenset(range(5)), 540, 1020)),
    ],
)
def test_reads_duty_hours(hours: str, shift: Shift) -> None:
    (profile,) = read_roster(f"用户名,值班\nli,{hours}\n".encode(), POLICY, "r.csv")
    assert profile.agent.shifts == (shift,)


def test_names_every_problem_with_its_line_and_column() -> None:
    text = """用户名,技能,话机,仅用话机,执业证号,有效期至,值班
li,飞行,8001,否,15101,,周八 09:00-17:30
,,,,,,
li,,8001,是,,2026年13月1日,25:00-26:00
wu,,,是,,,上午
"""
    found = problems(text)
    assert [each.split(": ", 2)[:2] for each in found] == [
        ["roster.csv:2", "技能"],
        ["roster.csv:2", "值班"],
        ["roster.csv:2", "执业证有效期"],
        ["roster.csv:4", "执业证有效期"],
        ["roster.csv:4", "值班"],
        ["roster.csv:5", "值班"],
        ["roster.csv:5", "仅用话机"],
    ]


def test_nobody_and_no_phone_twice() -> None:
    assert problems("用户名,话机\nli,1\nli,2\nwu,1\n") == [
        "roster.csv:3: 'li' is there twice",
        "roster.csv:4: the desk phone '1' is 'li''s",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "roster.csv:1: the file is empty"),
        ("姓名\n李\n", "'用户名' is missing"),
        ("用户名,薪水\n", "no column is called '薪水'"),
        ("用户名,工号\n", "'工号': the column is there twice"),
    ],
)
def test_the_headings_must_make_sense(text: str, problem: str) -> None:
    assert problem in problems(text)[0]


def test_refuses_what_is_no_text() -> None:
    with pytest.raises(ConfigError, match="neither"):
        read_roster(b"\xff\xfe\x00\x01", POLICY, "roster.csv")


SHIFTS = st.builds(
    Shift, st.sets(st.integers(0, 6), min_size=1).map(frozenset), st.integers(0, 1439), st.integers(0, 1440)
)
AGENTS = st.builds(
    Agent,
    name=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    display=st.from_regex(r"[\u4e00-\u9fa5]{1,4}", fullmatch=True),
    skills=st.sets(st.sampled_from(sorted(POLICY.skills))).map(frozenset),
    phone=st.from_regex(r"[0-9]{3}", fullmatch=True),
    licence=st.just("15101"),
    licence_until=st.dates(date(2000, 1, 1)),
    shifts=st.lists(SHIFTS, max_size=3).map(tuple),
)


@given(AGENTS, st.booleans())
def test_what_is_written_is_read_back(agent: Agent, phone_only: bool) -> None:
    profile = Profile(agent, phone_only)
    assert read_roster(write_roster([profile], POLICY).encode(), POLICY, "r.csv") == [profile]
