"""Choosing what tells speakers apart, at the command line: what is refused, and in which words."""

import sys
from pathlib import Path

import pytest

from hotline import cli

pytestmark = pytest.mark.integration


def hotline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str]:
    """Exit code, and everything said."""
    monkeypatch.setattr(sys, "argv", ["hotline", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out + err


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "hotline.toml"
    path.write_text(
        f'[paths]\nmodels = "{tmp_path}/none"\ndata = "{tmp_path}"\n[sip]\nport = 0\n[web]\nport = 0\n'
    )
    return path


def with_model(config: Path, model: Path) -> Path:
    config.write_text(config.read_text() + f'[asr.diarize]\nmodel = "{model}"\n')
    return config


def test_pyannote_without_a_model_is_refused_at_once(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("transcribe", "a.wav", "--speakers", "2", "-c", str(config))
    code, said = hotline(monkeypatch, capsys, *asked, "--diarizer", "pyannote")
    assert code == 4
    assert "[asr.diarize]" in said
    assert "文件夹" in said
    code, said = hotline(monkeypatch, capsys, *asked, "--diarizer", "other")
    assert code == 3
    assert "auto, packaged, pyannote" in said


def test_a_folder_that_is_no_pipeline_is_told_before_any_work(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No model of ours is there either: the diarizer is looked at first, and `packaged` goes past it."""
    asked = ("transcribe", "a.wav", "--speakers", "2", "-c", str(with_model(config, tmp_path)))
    code, said = hotline(monkeypatch, capsys, *asked)
    assert code == 4
    assert f"{tmp_path}：缺少 config.yaml" in said
    for without in ((*asked, "--diarizer", "packaged"), (*asked[:2], *asked[4:])):
        code, said = hotline(monkeypatch, capsys, *without)
        assert code == 4
        assert "hotline models fetch" in said


def test_the_doctor_tells_which_diarizer_can_be_used(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = hotline(monkeypatch, capsys, "doctor", "-c", str(config))
    assert "ok    diarizer: packaged, not fetched: hotline models fetch campplus-zh-en" in said
    _, said = hotline(monkeypatch, capsys, "doctor", "-c", str(with_model(config, tmp_path)))
    assert "FAIL  diarizer: pyannote: " in said
    assert "no config.yaml" in said
