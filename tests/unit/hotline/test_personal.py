"""Names are hidden; what somebody is, is no name."""

from pathlib import Path

import pytest
import yaml

from hotline.personal import hide, hide_names, mask_person

pytestmark = pytest.mark.unit
SLOTS = Path(__file__).parents[3] / "ivr_flows" / "slots.yaml"


def test_names_are_hidden_and_what_somebody_is_stays() -> None:
    names = ("老板", "王建国", "包工头")
    assert hide_names("老板王建国拖欠我们工资，包工头跑了", names) == "老板王**拖欠我们工资，包工头跑了"
    assert hide("老板叫王建国", names) == "老板叫王**"
    assert (mask_person("老板"), mask_person("王老板"), mask_person("王建国")) == ("老板", "王**", "王**")


def test_every_role_that_the_router_takes_for_a_party_is_known() -> None:
    roles = yaml.safe_load(SLOTS.read_text(encoding="utf-8"))["counterparty"]["roles"]
    assert [role for role in roles if mask_person(role) != role] == []
