"""The folder of a pyannote pipeline, and which diarizer is chosen: without pyannote or PyTorch."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from asr.catalog import Catalog
from asr.errors import DiarizerUnavailable
from asr.numerals import rows_of
from asr.settings import DiarizeSettings
from asr.speakers import pyannote_turns
from asr.speakers.choice import check_diarizer, pipeline_folder, wants_pyannote
from asr.speakers.pyannote_folder import read_pipeline
from asr.speakers.pyannote_turns import check

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
NAME = "pyannote.audio.pipelines.SpeakerDiarization"
COMMUNITY = {
    "clustering": "VBxClustering",
    "segmentation": "$model/segmentation",
    "embedding": "$model/embedding",
    "plda": "$model/plda",
}


def make(folder: Path, params: dict[str, Any], name: str | None = NAME, **more: Any) -> Path:
    for part in ("segmentation", "embedding"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / "pytorch_model.bin").write_bytes(b"weights")
    (folder / "plda").mkdir(exist_ok=True)
    for part in ("plda", "xvec_transform"):
        (folder / "plda" / f"{part}.npz").write_bytes(b"numbers")
    config = {"pipeline": {"name": name, "params": params}, "params": {"a": {"b": 1}}, **more}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def why(folder: Path) -> DiarizerUnavailable:
    with pytest.raises(DiarizerUnavailable) as caught:
        read_pipeline(folder)
    return caught.value


def test_paths_become_whole_and_nothing_else_is_kept(tmp_path: Path) -> None:
    folder = make(tmp_path, COMMUNITY, dependencies={"pyannote.audio": "4.0.0"}, device="cuda")
    config = read_pipeline(folder)
    assert sorted(config) == ["params", "pipeline"]
    params = config["pipeline"]["params"]
    assert params["segmentation"]["checkpoint"] == str(tmp_path / "segmentation" / "pytorch_model.bin")
    assert params["embedding"]["checkpoint"] == str(tmp_path / "embedding" / "pytorch_model.bin")
    assert params["plda"] == str(tmp_path / "plda")
    assert params["legacy"] is False


def test_names_on_the_hub_are_found_beside_the_configuration(tmp_path: Path) -> None:
    """As speaker-diarization-3.1 names them; under the model's name, or under what it is."""
    params = {
        "clustering": "AgglomerativeClustering",
        "segmentation": "pyannote/segmentation-3.0",
        "embedding": "pyannote/wespeaker-voxceleb-resnet34-LM",
    }
    folder = make(tmp_path, params, version="3.1.0")
    (folder / "segmentation").rename(folder / "segmentation-3.0")
    found = read_pipeline(folder)["pipeline"]["params"]
    assert found["segmentation"]["checkpoint"].endswith("segmentation-3.0/pytorch_model.bin")
    assert found["embedding"]["checkpoint"].endswith("embedding/pytorch_model.bin")
    assert "plda" not in found


def test_a_name_on_the_hub_is_never_fetched(tmp_path: Path) -> None:
    folder = make(tmp_path, COMMUNITY | {"segmentation": "pyannote/elsewhere"})
    (folder / "segmentation" / "pytorch_model.bin").unlink()
    (folder / "segmentation").rmdir()
    error = why(folder)
    assert error.key == "remote"
    assert str(tmp_path / "segmentation") in str(error)


@pytest.mark.parametrize(
    "gone", ["segmentation/pytorch_model.bin", "embedding/pytorch_model.bin", "plda/xvec_transform.npz"]
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str) -> None:
    folder = make(tmp_path, COMMUNITY)
    (folder / gone).unlink()
    error = why(folder)
    assert error.key == "file"
    assert gone in str(error)
    assert gone in error.english


def test_a_pointer_of_git_is_not_taken_for_weights(tmp_path: Path) -> None:
    folder = make(tmp_path, COMMUNITY)
    (folder / "embedding/pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert why(folder).key == "pointer"


def test_only_the_pipeline_that_stays_here_is_loaded(tmp_path: Path) -> None:
    """A configuration may name any class: os.system, or the company's service to which audio is sent."""
    for name in ("os.system", "pyannote.audio.pipelines.pyannoteai.sdk.SDK", None):
        assert why(make(tmp_path, COMMUNITY, name)).key == "class"
    more: dict[str, Any] = {"preprocessors": {"key": {"name": "os.system", "params": {"command": "true"}}}}
    assert why(make(tmp_path, COMMUNITY, **more)).key == "extra"


@pytest.mark.parametrize(
    "text", ["", "a: [", "just words", "pipeline: 3", "pipeline: {name: x, params: [1]}"]
)
def test_what_is_no_configuration_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    assert why(tmp_path / "none").key == "folder"
    assert why(tmp_path).key == "config"
    (tmp_path / "config.yaml").write_text(text)
    assert why(tmp_path).key in {"unread", "class"}


def test_a_part_that_is_not_named_is_told(tmp_path: Path) -> None:
    assert why(make(tmp_path, {"segmentation": "$model/segmentation"})).key == "part"


def test_every_reason_has_both_languages() -> None:
    for row in rows_of("diarizer.tsv"):
        assert len(row) == 3, row
        assert row[1] != row[2]
        assert row[1].count("{") == row[2].count("{")


def test_libraries_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path, COMMUNITY)
    for missing in ("torch", "pyannote.audio"):
        monkeypatch.setattr(pyannote_turns, "_installed", lambda name, missing=missing: name != missing)
        with pytest.raises(DiarizerUnavailable, match=missing) as caught:
            check(folder)
        assert "hotline12348[diarize]" in str(caught.value)
    monkeypatch.setattr(pyannote_turns, "_installed", lambda _: True)
    monkeypatch.setattr(metadata, "version", lambda _: "3.3.2")
    with pytest.raises(DiarizerUnavailable, match=r"3\.3\.2"):
        check(folder)


def test_auto_is_pyannote_once_it_has_a_model(tmp_path: Path) -> None:
    assert not wants_pyannote(DiarizeSettings())
    assert wants_pyannote(DiarizeSettings(model=str(tmp_path)))
    assert wants_pyannote(DiarizeSettings(diarizer="pyannote", model=str(tmp_path)))
    assert not wants_pyannote(DiarizeSettings(diarizer="packaged", model=str(tmp_path)))
    with pytest.raises(DiarizerUnavailable) as caught:
        wants_pyannote(DiarizeSettings(diarizer="pyannote"))
    assert caught.value.key == "unset"


def test_a_model_is_a_folder_or_an_entry_that_was_fetched(tmp_path: Path) -> None:
    catalog = Catalog.load(ROOT / "models" / "manifest.toml", tmp_path)
    assert pipeline_folder(DiarizeSettings(model="/srv/pipeline"), catalog) == Path("/srv/pipeline")
    for name in ("pyannote-community-1", "pyannote-3.1"):
        with pytest.raises(Exception, match=f"hotline models fetch {name}"):
            check_diarizer(DiarizeSettings(model=name), catalog)
    check_diarizer(DiarizeSettings(), catalog)
