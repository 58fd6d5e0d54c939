"""A language model written and read again says the same; a file that is none is refused by name."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from asr.lm import ngram
from asr.lm.ngram import BadLanguageModel, load, packaged
from asr.lm.train import Recipe, train

pytestmark = pytest.mark.integration

TEXTS = ["老板欠我的工资", "老板不给我工资", "我晓得了", "我不晓得", "他要离婚", "咋个办嘛", "要得"] * 3


def test_a_model_read_again_says_the_same(tmp_path: Path) -> None:
    model = train(TEXTS, Recipe(4))
    digest = model.save(tmp_path / "one.npz")
    again = load(tmp_path / "one.npz")
    for text in [*TEXTS, "工资龘", ""]:
        assert again.score(text) == pytest.approx(model.score(text), abs=1e-4)
    assert digest == hashlib.sha256((tmp_path / "one.npz").read_bytes()).hexdigest()
    assert model.save(tmp_path / "two.npz") == digest


def test_steps_cost_little(tmp_path: Path) -> None:
    whole = packaged()
    whole.save(tmp_path / "again.npz")
    again = load(tmp_path / "again.npz")
    for text in ["老板欠我三千块工资咋个办嘛", "我要跟他离婚娃儿跟哪个", "今天天气好"]:
        assert again.score(text) == pytest.approx(whole.score(text), rel=0.01)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken"])
def test_what_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(BadLanguageModel, match=r"bad\.npz"):
        load(path)
    with pytest.raises(BadLanguageModel, match=r"absent\.npz"):
        load(tmp_path / "absent.npz")


def test_other_arrays_and_other_formats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, something=np.zeros(3))
    with pytest.raises(BadLanguageModel, match="head"):
        load(path)
    np.savez(path, head=np.frombuffer(b'{"format": 99}', np.uint8))
    with pytest.raises(BadLanguageModel, match="format 99"):
        load(path)


def test_a_file_that_is_not_the_cards_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hotline.npz"
    train(TEXTS, Recipe(2)).save(path)
    path.with_suffix(".toml").write_text(f'sha256 = "{"0" * 64}"\n', encoding="utf-8")
    monkeypatch.setattr(ngram, "PACKAGED", path)
    with pytest.raises(BadLanguageModel, match="card"):
        packaged.__wrapped__()
