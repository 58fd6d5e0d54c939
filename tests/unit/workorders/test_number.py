"""Order numbers: the check digit catches slips, and numbers are read however they are written."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workorders.number import BadNumber, OrderNumber, check_digit, is_valid, parse

pytestmark = pytest.mark.unit

numbers = st.builds(
    OrderNumber,
    st.dates(date(2000, 1, 1), date(2999, 12, 31)),
    st.integers(510000, 513499).map(str),
    st.integers(1, 99_999),
)


def test_damm_reference_value() -> None:
    assert check_digit("572") == 4  # H. M. Damm's own example
    assert check_digit("5724") == 0


@given(numbers)
def test_written_and_read_back(number: OrderNumber) -> None:
    assert parse(str(number)) == number
    assert "".join(number.spoken) == str(number)[3:].replace("-", "")
    assert all(len(group) <= 4 for group in number.spoken)


@given(numbers, st.data())
def test_every_wrong_digit_is_caught(number: OrderNumber, data: st.DataObject) -> None:
    text = str(number)
    at = data.draw(st.sampled_from([i for i, c in enumerate(text) if c.isdigit()]))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != text[at]]))
    assert not is_valid(text[:at] + digit + text[at + 1 :])


@given(numbers, st.integers(0, 18))
def test_every_swap_of_neighbours_is_caught(number: OrderNumber, at: int) -> None:
    digits = str(number)[3:].replace("-", "")
    swapped = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    assert is_valid(swapped) == (swapped == digits)


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        lambda text: text.replace("-", ""),
        lambda text: text.replace("-", " - "),
        lambda text: text.removeprefix("SC-"),
        lambda text: text.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789SC-"}),
        lambda text: f"  {text}\n",
    ],
)
def test_written_otherwise(change: object) -> None:
    number = OrderNumber(date(2026, 11, 23), "510104", 7)
    assert parse(change(str(number))) == number  # type: ignore[operator]


@given(st.text())
def test_any_text_is_a_number_or_our_error(text: str) -> None:
    try:
        parse(text)
    except BadNumber as error:
        assert len(text) < 4 or text not in str(error)


def test_no_such_day() -> None:
    digits = "20260231" + "510104" + "00001"
    with pytest.raises(BadNumber, match="no such day"):
        parse(digits + str(check_digit(digits)))


@pytest.mark.parametrize(
    ("district", "sequence"), [("510104", 0), ("510104", 100_000), ("51010", 1), ("５10104", 1)]
)
def test_parts_out_of_range(district: str, sequence: int) -> None:
    with pytest.raises(BadNumber):
        OrderNumber(date(2026, 1, 1), district, sequence)
