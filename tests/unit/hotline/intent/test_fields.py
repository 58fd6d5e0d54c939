"""Dates, sums, people, numbers, places and parties, one kind at a time."""

from datetime import date
from functools import cache
from pathlib import Path

import pytest

from asr.normalize import normalize
from hotline.errors import ConfigError
from hotline.intent.dates import find_dates
from hotline.intent.found import Found
from hotline.intent.money import find_amount, find_people
from hotline.intent.parties import Parties
from hotline.intent.phone import find_phone
from hotline.intent.phonetic import keys
from hotline.intent.places import Places
from hotline.intent.wording import Wording, read_wording

pytestmark = pytest.mark.unit

FLOWS = Path(__file__).parents[4] / "ivr_flows"
NOW = date(2026, 11, 23)


@cache
def wording() -> Wording:
    return read_wording(FLOWS)


@cache
def places() -> Places:
    return Places.load(FLOWS / "places.tsv")


def value(found: Found | None) -> str | None:
    return found.value if found else None


@pytest.mark.parametrize(
    ("said", "iso"),
    [
        ("去年腊月起", "2026-01-19/2026-02-16"),
        ("今年二月到五月", "2026-02/2026-05"),
        ("三月份开始", "2026-03"),
        ("十二月份的工资", "2025-12"),
        ("去年十月到今年三月", "2025-10/2026-03"),
        ("二零二五年十一月到二月", "2025-11/2026-02"),
        ("二零二六年三月五号", "2026-03-05"),
        ("上个月", "2026-10"),
        ("昨天", "2026-11-22"),
        ("上周", "2026-11-16/2026-11-22"),
        ("三个月前", "2026-08"),
        ("去年年底", "2025-12/2025-12"),
        ("今年上半年", "2026-01/2026-06"),
        ("去年", "2025"),
        ("今年正月", "2026-02-17/2026-03-18"),
        ("二月三十号", None),
        ("我干了五个月", None),
    ],
)
def test_dates(said: str, iso: str | None) -> None:
    got = value(find_dates(normalize(said).text, NOW, wording().dates))
    assert got == (iso.split("/")[0] if iso and len(set(iso.split("/"))) == 1 else iso)


@pytest.mark.parametrize(
    ("said", "yuan"),
    [
        ("欠我一万五", "15000"),
        ("一共十八万六千块钱", "186000"),
        ("欠我们18万6", "186000"),
        ("18万6000块", "186000"),
        ("借了3,500元", "3500"),
        ("一个月三千八，四个月没有发", "15200"),
        ("差我三点五万", "35000"),
        ("每个人三千块，一共三万九", "39000"),
        ("电话一三八零零一三八零零零", None),
        ("二零二六年三月", None),
        ("我们十三个人", None),
    ],
)
def test_sums(said: str, yuan: str | None) -> None:
    assert value(find_amount(normalize(said).text, None, wording().money)) == yuan


def test_a_sum_for_each_person_times_the_people() -> None:
    assert value(find_amount("每个人3000块钱", 13, wording().money)) == "39000"


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("我们十三个人", "13"),
        ("我们二十多个工友", "20"),
        ("有8名农民工", "8"),
        ("我一个人", None),
        ("5个月", None),
    ],
)
def test_people(said: str, count: str | None) -> None:
    assert value(find_people(normalize(said).text, wording().people)) == count


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("电话是幺三八零零幺三八零零零", "13800138000"),
        ("138，嗯，0013，8000", "13800138000"),
        ("零二八八六七八一二三四", "02886781234"),
        ("1380013800", None),
        ("510107199003071234", None),
        ("138个人，0013天，8000块", None),
    ],
)
def test_phones(said: str, number: str | None) -> None:
    assert value(find_phone(normalize(said).text, (0,), wording().phone)) == number


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("在成都双流", "510116"),
        ("成都市双流区的工地", "510116"),
        ("我在郫县上班", "510117"),
        ("宜宾县那边", "511504"),
        ("西昌", "513401"),
        ("简阳", "510185"),
        ("攀枝花东区", "510402"),
        ("乐山市中区", "511102"),
        ("内江市市中区", "511002"),
        ("我是南充人，在绵阳涪城区干活", "510703"),
        ("老家在达州，在成都武侯区打工", "510107"),
        ("凉山州", "513400"),
        ("成都霜流那边", "510116"),
        ("东区", None),
        ("安居乐业", None),
        ("北京朝阳", None),
    ],
)
def test_places(said: str, code: str | None) -> None:
    assert value(places().find(said, keys(said), wording().place)) == code


def test_every_division_is_found_by_its_full_name() -> None:
    divisions = places().divisions
    assert sum(each.kind == "prefecture" for each in divisions.values()) == 21
    assert sum(each.kind == "county" for each in divisions.values()) == 183
    for code in divisions:
        said = places().full_name(code)
        assert value(places().find(said, keys(said), wording().place)) == code, said


def test_wrong_lines_of_the_place_list_are_all_told(tmp_path: Path) -> None:
    file = tmp_path / "places.tsv"
    file.write_text("county\t5101\tA\t\t\nvillage\t510101\tB\t\t\n", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        Places.load(file)
    assert [problem.split(":")[1] for problem in raised.value.problems[:2]] == ["1", "2"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("我叫张大明", "张大明"),
        ("我姓王，电话", "王"),
        ("我姓王，叫王大明", "王大明"),
        ("我姓王，名字叫大明", "王大明"),
        ("我叫欧阳明，住在", "欧阳明"),
        ("我叫他还钱", None),
        ("我是农民工", None),
    ],
)
def test_names(said: str, name: str | None) -> None:
    assert value(Parties.of(wording()).caller(said)) == name


def test_parties() -> None:
    parties = Parties.of(wording())
    assert value(parties.counterparty("包工头姓李，电话")) == "包工头李"
    assert value(parties.counterparty("那个张老板不给")) == "张老板"
    assert value(parties.employer("我在华西建筑公司干活")) == "华西建筑公司"
    assert parties.employer("我在一个工地上干活") is None
