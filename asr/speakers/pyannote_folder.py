"""The folder of a pyannote pipeline on this disk → its configuration with every path made whole (no torch).

Layout of the published pipelines: `config.yaml` (`pipeline.name`, `pipeline.params`, `params`), beside it a
folder for each network with its `pytorch_model.bin`; community-1 also has `plda/`. Written for pyannote.audio
4.0 (`Pipeline.from_pretrained`, `Model.from_pretrained`, `PLDA.from_pretrained`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from asr.errors import DiarizerUnavailable

CONFIG = "config.yaml"
WEIGHTS = "pytorch_model.bin"
PLDA = ("plda.npz", "xvec_transform.npz")
CLASSES = frozenset(
    {
        "pyannote.audio.pipelines.SpeakerDiarization",
        "pyannote.audio.pipelines.speaker_diarization.SpeakerDiarization",
    }
)
"""The configuration names a class to load, and another of the same package sends the audio to a company's
servers (`pyannoteai.SDK`); any name of Python could stand there."""
_POINTER = b"version https://git-lfs"


def read_pipeline(folder: Path) -> dict[str, Any]:
    """The configuration for `Pipeline.from_pretrained`, all of it on this disk.

    A part (`segmentation`, `embedding`, `plda`) may be `$model/NAME`, a path beside `config.yaml`, a whole
    path, or the name of a model on Hugging Face, which is looked for as `NAME/` or under the part's own name
    here. Nothing else of the file can load a class or reach a network. Raises `DiarizerUnavailable`.
    """
    path = folder / CONFIG
    config = _yaml(folder, path)
    pipeline = config["pipeline"]
    if pipeline.get("name") not in CLASSES:
        raise DiarizerUnavailable("class", path=path, name=pipeline.get("name"))
    if config.get("preprocessors"):
        raise DiarizerUnavailable("extra", path=path)
    params = dict(pipeline.get("params") or {})
    params["legacy"] = False  # we want the turns without overlap, and the voices
    for part in ("segmentation", "embedding"):
        weights = _weights(folder, part, params.get(part))
        # a dictionary: of a plain path, pyannote guesses the library by words that stand in it
        params[part] = {"checkpoint": str(weights), "strict": False}
    if params.get("clustering", "VBxClustering") == "VBxClustering":
        params["plda"] = str(_plda(folder, params.get("plda")))
    else:
        params.pop("plda", None)
    whole = {"pipeline": {"name": pipeline["name"], "params": params}}
    return whole | {name: config[name] for name in ("params", "freeze") if config.get(name)}


def _yaml(folder: Path, path: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise DiarizerUnavailable("folder", path=folder)
    if not path.is_file():
        raise DiarizerUnavailable("config", path=folder)
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DiarizerUnavailable("unread", path=path) from error
    if not isinstance(config, dict) or not isinstance(config.get("pipeline"), dict):
        raise DiarizerUnavailable("unread", path=path)
    if not isinstance(config["pipeline"].get("params") or {}, dict):
        raise DiarizerUnavailable("unread", path=path)
    return config


def _places(folder: Path, part: str, value: Any) -> Iterator[Path]:
    """Where a part may lie: as it is named, then by the last word of that name, then by what it is."""
    if isinstance(value, dict):  # as from_pretrained itself writes it
        value = f"$model/{value.get('subfolder') or part}"
    if not isinstance(value, str) or not value:
        raise DiarizerUnavailable("part", path=folder / CONFIG, part=part)
    inside = value.removeprefix("$model/").split("@")[0]
    yield folder / inside
    yield folder / inside.rsplit("/", 1)[-1]
    yield folder / part


def _found(folder: Path, part: str, value: Any) -> Path:
    places = list(_places(folder, part, value))
    for place in places:
        if place.exists():
            return place.resolve()
    if str(value).startswith("$model/"):
        raise DiarizerUnavailable("file", path=places[0])
    raise DiarizerUnavailable("remote", path=folder / CONFIG, part=part, value=value, wanted=places[-1])


def _weights(folder: Path, part: str, value: Any) -> Path:
    place = _found(folder, part, value)
    return _whole(place / WEIGHTS if place.is_dir() else place)


def _plda(folder: Path, value: Any) -> Path:
    place = _found(folder, "plda", value)
    for name in PLDA:
        _whole(place / name)
    return place


def _whole(path: Path) -> Path:
    """A file that is there and is itself, not what Git keeps in its place."""
    try:
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise DiarizerUnavailable("pointer", path=path)
    except OSError as error:
        raise DiarizerUnavailable("file", path=path) from error
    return path
