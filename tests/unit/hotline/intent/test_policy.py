"""Wrong data files are told with every problem and its place; classifier weights are checked."""

from pathlib import Path

import numpy as np
import pytest

from hotline.errors import ConfigError
from hotline.intent.classifier import Classifier, features
from hotline.intent.policy import read_policy

pytestmark = pytest.mark.unit

FLOWS = Path(__file__).parents[4] / "ivr_flows"


def spoiled(tmp_path: Path, old: str, new: str) -> list[str]:
    """The problems of our policy with one thing changed in it."""
    text = (FLOWS / "intents.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "intents.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read_policy(tmp_path)
    return list(raised.value.problems)


def test_references_are_checked(tmp_path: Path) -> None:
    assert "default_service" in spoiled(tmp_path, "default_service: consult", "default_service: nobody")[0]
    assert (
        "no matter 'labour.pay'" in spoiled(tmp_path, "matters: [labour.wages,", "matters: [labour.pay,")[0]
    )
    assert "crisis.self_harm" in spoiled(tmp_path, 'hand_off: "12356"', 'hand_off: "99999"')[0]
    assert "listed twice" in spoiled(tmp_path, "code: labour.injury", "code: labour.wages")[0]


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    assert (
        "matters.0.wight" in spoiled(tmp_path, "    label: 劳动报酬", "    wight: 3\n    label: 劳动报酬")[0]
    )


def test_shipped_weights_give_probabilities_and_hold_no_text() -> None:
    path = FLOWS / "router_weights.npz"
    model = Classifier.load(path)
    guess = model.probabilities("老板拖欠工资不给")
    assert sum(guess.values()) == pytest.approx(1, abs=1e-5)
    assert max(guess, key=guess.__getitem__) == "劳动争议"
    assert path.stat().st_size < 3 * 1024 * 1024
    with np.load(path, allow_pickle=False) as file:
        assert sorted(file.files) == ["bias", "idf", "labels", "temperature", "weights"]


def test_nothing_to_go_by_is_even() -> None:
    guess = Classifier.load(FLOWS / "router_weights.npz").probabilities("，。")
    assert len({round(each, 9) for each in guess.values()}) == 1


def test_broken_weights_are_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError):
        Classifier.load(tmp_path / "w.npz")


def test_features_ignore_marks() -> None:
    assert features("工资，不给！", 1 << 15) == features("工资不给", 1 << 15)
