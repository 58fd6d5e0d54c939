"""The demo caller's text: fit for the flow it is played to."""

from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.ivr.flow import FlowFile, ListenNode
from hotline.robot.demo_caller import DemoCaller

pytestmark = pytest.mark.unit

FLOWS = Path(__file__).parents[4] / "ivr_flows"


def test_the_caller_never_pauses_so_long_that_the_message_ends() -> None:
    caller = DemoCaller.load(FLOWS / "demo_caller.yaml")
    node = FlowFile.load(FLOWS / "12348.yaml").nodes["message"]
    assert isinstance(node, ListenNode)
    assert all(sentence.pause < node.seconds_silence / 2 for sentence in caller.sentences)


def test_the_text_has_what_an_order_needs_and_says_what_it_is() -> None:
    caller = DemoCaller.load(FLOWS / "demo_caller.yaml")
    for words in ("农民工", "工资", "十三个人", "十八万六千", "双流区", "三月份", "王建国"):
        assert words in caller.text
    assert "合成" in caller.notice


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [("speed: 0.92", "speed: 9", "voice.speed"), ("pause: 0.3", "pause: -1", "sentences.5.pause")],
)
def test_values_out_of_range_are_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    file = tmp_path / "demo_caller.yaml"
    file.write_text((FLOWS / "demo_caller.yaml").read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        DemoCaller.load(file)
    assert field in str(caught.value)
