"""Which diarizer an operator wants, and making it."""

from pathlib import Path

from asr.catalog import Catalog
from asr.detectors import SileroDetectors
from asr.diarize import Diarizer, PackagedDiarizer
from asr.errors import DiarizerUnavailable
from asr.segmenter import Endpointing
from asr.settings import AsrSettings, DiarizeSettings
from asr.speakers.embedder import MODEL, SpeakerEmbedder


def wants_pyannote(wishes: DiarizeSettings) -> bool:
    """Whether it is pyannote. Raises `DiarizerUnavailable` when it is asked for without a model."""
    if wishes.diarizer == "pyannote" and not wishes.model:
        raise DiarizerUnavailable("unset")
    return wishes.diarizer == "pyannote" or (wishes.diarizer == "auto" and bool(wishes.model))


def pipeline_folder(wishes: DiarizeSettings, catalog: Catalog) -> Path:
    """Where the pipeline lies. Raises `ModelUnavailable` for a catalogue entry that has not been fetched."""
    if any(entry.name == wishes.model for entry in catalog.entries):
        return catalog.path(wishes.model)
    return Path(wishes.model).expanduser()


def check_diarizer(wishes: DiarizeSettings, catalog: Catalog) -> None:
    """What can be known in a moment. Raises `DiarizerUnavailable` or `ModelUnavailable`."""
    if wants_pyannote(wishes):
        from asr.speakers.pyannote_turns import check

        check(pipeline_folder(wishes, catalog))


def make_diarizer(
    settings: AsrSettings, catalog: Catalog, detectors: SileroDetectors, rules: Endpointing
) -> Diarizer:
    """The diarizer of these settings, loaded.

    Raises `DiarizerUnavailable`, `ModelUnavailable` or `EngineFailed`.
    """
    if wants_pyannote(settings.diarize):
        from asr.speakers.pyannote_turns import PyannoteDiarizer

        folder = pipeline_folder(settings.diarize, catalog)
        return PyannoteDiarizer(folder, rules, settings.diarize, settings.threads)
    embedder = SpeakerEmbedder(catalog.path(MODEL), settings.threads)
    return PackagedDiarizer(detectors, embedder, rules)
