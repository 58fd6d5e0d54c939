"""Every flag that the policy knows has a name wherever people read flags."""

import json
from pathlib import Path
from typing import Any

import pytest

from hotline.intent.policy import read_policy

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
POLICY = read_policy(ROOT / "ivr_flows")
CODES = [*(flag.code for flag in POLICY.flags), *(f"crisis.{kind.code}" for kind in POLICY.crisis)]


def words(file: str) -> Any:
    return json.loads((ROOT / "hotline" / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", CODES)
def test_a_flag_is_told_in_words(code: str) -> None:
    assert words("terminal.zh-CN.json").get(f"flag.{code}")
    assert words("web/static/text.zh-CN.json").get(f"flag.{code}")
    assert words("stats/headings.zh-CN.json")["values"]["flags"].get(code)
