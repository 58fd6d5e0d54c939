"""Dates, sums, people, numbers, places and parties, one kind at a time."""

from datetime import date
from functools import cache
from pathlib import Path

import pytest

from asr.normalize import normalize
from asr.read_out import find_runs
from hotline.errors import ConfigError
from hotline.identity import find_identities
from hotline.intent.dates import find_dates
from hotline.intent.firms import find_employer
from hotline.intent.found import Found
from hotline.intent.money import Bearings, find_amount
from hotline.intent.numbers import find_case, find_identity
from hotline.intent.parties import Parties
from hotline.intent.people import find_people
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
        ("上个月十号", "2026-10-10"),
        ("这个月三号", "2026-11-03"),
        ("上个礼拜五", "2026-11-20"),
        ("上个星期天", "2026-11-22"),
        ("半年前", "2026-05"),
        ("两个星期前", "2026-11-09"),
        ("去年腊月二十", "2026-02-07"),
        ("今年正月初五", "2026-02-21"),
        ("前年冬月", "2024-12-01/2024-12-30"),
        ("去年农历六月", "2025-06-25/2025-07-24"),
        ("去年中秋", "2025-10-06"),
        ("今年端午", "2026-06-19"),
        ("今年春节", "2026-02-17"),
        ("去年八月到现在", "2025-08/2026-11"),
        ("二零二五年一月起就一直拖到现在", "2025-01/2026-11"),
        ("一九八五年三月十二日出生", None),
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
        ("差我三四万", "30000-40000"),
        ("欠我三四万块钱", "30000-40000"),
        ("赔六万到七万", "60000-70000"),
        ("工钱欠起三到五万", "30000-50000"),
        ("每天两百六，做了四十天", "10400"),
        ("一天两百八，做了两个月零五天", "18200"),
        ("一亩补四万五，征了三亩二", "144000"),
        ("一户补一万二，四十三户", "516000"),
        ("一个月八百，两年没给了", "19200"),
        ("一个月三千五，半年没发", "21000"),
        ("说好一个月四千，还差一万八", "18000"),
        ("我怀起娃儿五个月，一个月工资六千二", "6200"),
        ("电话一三八零零一三八零零零", None),
        ("二零二六年三月", None),
        ("我们十三个人", None),
    ],
)
def test_sums(said: str, yuan: str | None) -> None:
    assert value(find_amount(normalize(said).text, Bearings(), wording().money)) == yuan


def test_a_sum_for_each_person_times_the_people() -> None:
    assert value(find_amount("每个人3000块钱", Bearings(13), wording().money)) == "39000"
    each_month = "一个人一个月五千，差三个月工资"
    assert value(find_amount(normalize(each_month).text, Bearings(4), wording().money)) == "60000"


def test_a_sum_is_not_read_out_of_another_number() -> None:
    assert find_amount("我给你身份证511112", Bearings(taken=((5, 12),)), wording().money) is None


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("我们十三个人", "13"),
        ("我们二十多个工友", "20"),
        ("有8名农民工", "8"),
        ("我一个人", None),
        ("5个月", None),
        ("七八十个人", "70"),
        ("几十个工友", "20"),
        ("我们兄弟三个人都不养他", None),
    ],
)
def test_people(said: str, count: str | None) -> None:
    assert value(find_people(normalize(said).text, wording().people)) == count


def phone(said: str, borders: tuple[int, ...] = (0,)) -> str | None:
    runs = tuple(find_runs(said))
    return value(find_phone(said, runs, borders, tuple(find_identities(runs)), wording().phone))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("电话是幺三八零零幺三八零零零", "13800138000"),
        ("138，嗯，0013，8000", "13800138000"),
        ("幺三八哈，零零幺三，那个八零零零", "13800138000"),
        ("电话是138灵013八零零零", "13800138000"),
        ("零二八八六七八一二三四", "02886781234"),
        ("1380013800", None),
        ("510107199003071234", None),
        ("138个人，0013天，8000块", None),
    ],
)
def test_phones(said: str, number: str | None) -> None:
    assert phone(normalize(said).text) == number


def test_a_phone_number_is_read_out_over_four_utterances_at_most() -> None:
    said = "138，001，38，00，0"
    assert phone(said, (0, 4, 8, 11)) == "13800138000"
    assert phone(said, (0, 4, 8, 11, 14)) is None


def identity(said: str) -> str | None:
    return value(find_identity(said, tuple(find_identities(find_runs(said))), wording().identity))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("身份证五幺零幺八幺幺九八五零三幺二零零零五", "510181198503120005"),
        ("是五幺零幺八幺，然后幺九八五零三幺二，最后四位零零零五", "510181198503120005"),
        ("五幺零幺八幺，你听到，幺九八五，零三幺二，零零零五", "510181198503120005"),
        ("身份证五幺零幺八幺，幺九八五零三幺二，零零零六", None),
        ("身份证51018幺，易九八五零三幺二，零零零五", "510181198503120005"),
        ("证号幺幺零幺零五幺九四九幺二三幺零零二叉叉", "11010519491231002X"),
        ("五幺零幺八幺，幺九八五幺三幺二，零零零五", None),
    ],
)
def test_identity_cards(said: str, number: str | None) -> None:
    assert identity(normalize(said).text) == number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("案号是（2026）川0104民初2233号", "（2026）川0104民初2233号"),
        ("(2026)川01民终4321号", "（2026）川01民终4321号"),
        ("二零二六川七八零八行初十二号", "（2026）川7808行初12号"),
        ("川成劳人仲案（2026）567号下来了", "川成劳人仲案（2026）567号"),
        ("编号是川公（渠）行罚决字〔2026〕88号", "川公（渠）行罚决字〔2026〕88号"),
        ("川宜劳人仲案括号2026括号第331号", "川宜劳人仲案（2026）第331号"),
        ("我住2026号", None),
    ],
)
def test_case_numbers(said: str, number: str | None) -> None:
    assert value(find_case(normalize(said).text, wording().case)) == number


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
        ("我是平昌的", "511923"),
        ("她在青神打工", "511425"),
        ("在犀浦租的房子", "510117"),
        ("东区", None),
        ("黑水流了一地", None),
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


@pytest.mark.parametrize("frame", ["我是{}的", "在{}打工"])
def test_every_county_is_found_by_its_short_and_its_old_names_in_a_sentence(frame: str) -> None:
    lines = (FLOWS / "places.tsv").read_text("utf-8").splitlines()
    counties = [line.split("\t") for line in lines if line.startswith("county")]
    unclear = set()
    for _, code, full, strong, weak in counties:
        for name in filter(None, (full, *strong.split(","), *weak.split(","))):
            said = frame.format(name)
            got = value(places().find(said, keys(said), wording().place))
            if got != code:
                unclear.add(name)
                assert got is None or full == name == "\u5e02\u4e2d\u533a", (name, got)
    # two districts are called so, and compass points are places only beside their prefecture
    assert unclear <= {"\u5e02\u4e2d\u533a", "\u5e02\u4e2d"}, unclear


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
        ("我姓庹，叫庹大树", "庹大树"),
        ("我叫阿力木呷，是昭觉的", "阿力木呷"),
        ("名字叫做何秀英", "何秀英"),
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
    assert value(parties.counterparty("写欠条的人叫熊志强，是个包工头")) == "包工头熊志强"
    assert value(parties.counterparty("邻居老张把我打了")) == "邻居老张"
    assert value(parties.counterparty("有个叫骆启明的借了我四万")) == "骆启明"
    assert value(parties.counterparty("包工头叫泽仁，差我钱")) == "包工头泽仁"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("我在华西建筑公司干活", "华西建筑公司"),
        ("公司叫云端科技有限公司，在青羊区", "云端科技有限公司"),
        ("矿叫大石包煤矿，在筠连", "大石包煤矿"),
        ("在金堂县栋梁工地上扎钢筋", "栋梁工地"),
        ("我在一个工地上干活", None),
        ("在一个家具厂上班", None),
        ("在人民医院做手术", None),
    ],
)
def test_firms(said: str, name: str | None) -> None:
    assert value(find_employer(said, wording().employer)) == name
