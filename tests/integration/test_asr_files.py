"""Files to text: any rate, any length in bounded memory, and the two commands that use it."""

import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import SAMPLE_RATE
from asr.catalog import Catalog
from asr.detectors import SileroDetectors
from asr.errors import ModelUnavailable
from asr.files import UnreadableAudio, read_blocks, seconds_of, utterances
from asr.segmenter import Endpointing
from hotline.cli import app

pytestmark = [pytest.mark.integration, pytest.mark.model]

ROOT = Path(__file__).parents[2]
MODELS = Path.home() / ".cache" / "hotline12348" / "models"
CLIP = ROOT.parent / "shared" / "data" / "speech" / "mandarin_real" / "aishell_BAC009S0724W0121.flac"


@pytest.fixture
def detectors() -> SileroDetectors:
    try:
        return SileroDetectors(Catalog.load(ROOT / "models" / "manifest.toml", MODELS).path("silero-vad"))
    except ModelUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def clip() -> Path:
    if not CLIP.exists():
        pytest.skip("the optional folder of evaluation data is not there")
    return CLIP


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (44_100, 2)])
def test_any_rate_comes_out_at_sixteen_kilohertz(tmp_path: Path, rate: int, channels: int) -> None:
    time = np.arange(int(2.5 * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "a.wav", np.stack([tone] * channels, axis=1), rate)
    pcm = np.frombuffer(b"".join(read_blocks(tmp_path / "a.wav")), "<i2").astype(float)
    assert len(pcm) == pytest.approx(2.5 * SAMPLE_RATE, abs=4)
    assert seconds_of(tmp_path / "a.wav") == pytest.approx(2.5)
    assert np.argmax(np.abs(np.fft.rfft(pcm))) * SAMPLE_RATE / len(pcm) == pytest.approx(440, abs=1)


def test_what_is_no_audio_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no audio")
    for read in (seconds_of, lambda path: list(read_blocks(path))):
        with pytest.raises(UnreadableAudio, match=r"a\.wav"):
            read(tmp_path / "a.wav")


def test_utterances_carry_their_own_audio(detectors: SileroDetectors, clip: Path) -> None:
    pcm = bytes(3 * 2 * SAMPLE_RATE) + b"".join(read_blocks(clip)) + bytes(2 * 2 * SAMPLE_RATE)
    twice = pcm + pcm
    blocks = [twice[at : at + 7_002] for at in range(0, len(twice), 7_002)]
    found = list(utterances("a", blocks, detectors, Endpointing()))
    assert len(found) >= 2
    for each in found:
        assert each.pcm == twice[2 * each.start : 2 * each.end]
    assert sum(each.end - each.start for each in found) > 4 * SAMPLE_RATE


def test_an_hour_of_silence_needs_little_memory(detectors: SileroDetectors) -> None:
    block = bytes(2 * SAMPLE_RATE)
    detectors.probabilities([("warm", block)])
    tracemalloc.start()
    assert list(utterances("a", (block for _ in range(300)), detectors, Endpointing())) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_transcribe_prints_json_lines_and_the_error_rate(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = tmp_path / "r.tsv"
    reference.write_text(
        f"id\tfile\ttranscript\na\t{clip.name}\t广州市房地产中介协会分析\n", encoding="utf-8"
    )
    monkeypatch.setattr(sys, "argv", ["hotline", "transcribe", str(clip), "--reference", str(reference)])
    with pytest.raises(SystemExit) as ended:
        app()
    out, err = capsys.readouterr()
    assert ended.value.code == 0
    (line,) = out.splitlines()
    told = json.loads(line)
    assert told["utterances"][0]["end"] > told["utterances"][0]["start"]
    # Not the same on every processor: integer products are summed in another order.
    assert len(set("广州市房地产中介协会分析") & set(told["text"])) >= 6
    assert "CER" in err


def test_evaluate_measures_a_peer_on_the_same_clips(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a corpus's folder, behind good and bad lines, with delays, cost and a picture."""
    (tmp_path / "wav.scp").write_text(f"a {clip}\n")
    (tmp_path / "text").write_text("a 广州市房地产中介协会分析\n", encoding="utf-8")
    asked = f"{tmp_path} --peer scripted --loss 0.05 --noise 20 --readings 2 --plot {tmp_path / 'p.svg'}"
    monkeypatch.setattr(sys, "argv", ["hotline", "models", "evaluate", *asked.split(), "--json"])
    with pytest.raises(SystemExit) as ended:
        app()
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    ours, peer = (
        [e for e in told["summaries"] if e["engine"] == n] for n in ("whisper-base-sichuan", "scripted")
    )
    assert [each["condition"] for each in ours] == [
        "16 kHz", "A-law 8 kHz", "A-law 8 kHz, 5% lost, noise 20 dB",
    ]  # fmt: skip
    assert ours[0]["cer"] < 0.5 <= peer[0]["cer"]
    assert len(told["clips"]) == 2 * 2 * 3
    cost = told["costs"][0]
    assert 1 < cost["streams_a_core"] < 200
    assert 100 < cost["memory_mib"] < 2_000
    assert cost["cpu_live"] > 0
    assert 0.5 < cost["final"]["p50"] < 60  # half a second of silence ends it, then it is read
    assert told["costs"][1]["final"] is None  # it says nothing
    assert (tmp_path / "p.svg").read_text().count("<rect") == 7
