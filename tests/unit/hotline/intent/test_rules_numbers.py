"""Numbers as words of a rule."""

import pytest

from hotline.intent.rules import find_all

pytestmark = pytest.mark.unit


def test_a_number_is_not_found_inside_a_longer_number() -> None:
    assert find_all("我的手机是13912345678", "12345") == []
    assert find_all("帮我转12345热线", "12345") == [3]
