"""The test caller: waits to be spoken to, says its piece once, and never stays for ever."""

import wave
from pathlib import Path
from typing import Any, cast

import anyio
import numpy as np
import pytest

from asr.audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from hotline.caller import VOICE_RMS, CallPlan, CallReport, _Caller, read_audio, write_wav
from hotline.conversation import EndCause
from hotline.errors import ConfigError, LegGone
from tests.fakes.call_parts import FakeLeg

pytestmark = pytest.mark.unit

WORDS = b"\x01\x02" * FRAME_SAMPLES


class Leg(FakeLeg):
    """A leg that can be spoken on by the far end, and pressed keys on."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def talk(self, seconds: float, level: int = 3000) -> None:
        for _ in range(round(seconds * 50)):
            pcm = np.full(FRAME_SAMPLES, level, "<i2").tobytes()
            self._inputs.push(AudioFrame(self.leg, self._now, pcm))
            self._now += FRAME_SAMPLES

    def send_digit(self, key: str, ms: int = 160) -> None:
        del ms
        self.keys.append(key)


async def finished(leg: Leg, plan: CallPlan) -> CallReport:
    return await _Caller(cast(Any, leg), plan).run()


@pytest.mark.anyio
async def test_speaks_once_after_being_spoken_to_and_reports_what_it_heard() -> None:
    leg = Leg()
    async with anyio.create_task_group() as tasks:

        async def far_end() -> None:
            leg.talk(2)
            leg.frames(1.5)
            await anyio.wait_all_tasks_blocked()
            assert leg.played == []  # a pause, not yet its turn
            leg.frames(0.2)
            await anyio.wait_all_tasks_blocked()
            assert leg.played == [WORDS]
            leg.end(EndCause.REMOTE_HANGUP)

        tasks.start_soon(far_end)
        report = await finished(leg, CallPlan("sip:x@y", WORDS))
    assert report.cause is EndCause.REMOTE_HANGUP
    assert (report.seconds, report.heard_seconds) == pytest.approx((3.7, 2.0))
    assert report.facts == leg.facts


@pytest.mark.anyio
async def test_with_a_mute_line_it_speaks_anyway_and_then_hangs_up() -> None:
    leg = Leg()
    async with anyio.create_task_group() as tasks:

        async def far_end() -> None:
            leg.talk(4.9, level=VOICE_RMS - 1)
            await anyio.wait_all_tasks_blocked()
            assert leg.played == []
            leg.frames(0.2)
            await anyio.wait_all_tasks_blocked()
            assert leg.played == [WORDS]
            leg.frames(5.2)

        tasks.start_soon(far_end)
        report = await finished(leg, CallPlan("sip:x@y", WORDS, patience_seconds=5))
    assert (report.cause, report.heard_seconds) == (EndCause.LOCAL_HANGUP, 0)


@pytest.mark.anyio
async def test_a_line_that_goes_while_it_speaks_is_no_error(tmp_path: Path) -> None:
    class Gone(Leg):
        async def play(self, pcm: bytes, tap: object = None) -> None:
            raise LegGone

    leg = Gone()
    leg.talk(1)
    leg.frames(2)
    leg.end(EndCause.MEDIA_TIMEOUT)
    heard = tmp_path / "heard.wav"
    report = await finished(leg, CallPlan("sip:x@y", WORDS, heard=heard))
    assert report.cause is EndCause.MEDIA_TIMEOUT
    with wave.open(str(heard)) as file:
        assert (file.getframerate(), file.getnframes()) == (SAMPLE_RATE, 3 * SAMPLE_RATE)


def test_a_plan_that_no_telephone_can_do_is_refused_with_every_reason() -> None:
    with pytest.raises(ConfigError) as caught:
        CallPlan("sip:x@y", b"", keys="1x", transport="sctp")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["keys", "transport"]
    assert CallPlan("sip:x@y", b"", keys="0123456789*#ABCD").transport == "udp"


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8_000, 1), (48_000, 2)])
def test_any_rate_and_channels_become_ours(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.full(rate * channels, 8000, "<i2").tobytes())
    samples = np.frombuffer(read_audio(path), "<i2")
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=4)
    assert np.abs(samples[1000:-1000].astype(int) - 8000).max() < 50


def test_what_is_no_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no audio")
    for name in ("a.wav", "absent.wav"):
        with pytest.raises(ConfigError, match=name):
            read_audio(tmp_path / name)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", WORDS)
    read = np.frombuffer(read_audio(tmp_path / "a.wav"), "<i2")
    assert np.abs(read - np.frombuffer(WORDS, "<i2")).max() <= 1  # full scale is 32,767 one way
