"""The recorder: both sides in step, gaps silent, the disk's failures its own.

A recorder writes files; these stay in the test's own folder and are small.
"""

import errno
import hashlib
import wave
from pathlib import Path

import numpy as np
import pytest

from asr.audio import FRAME_SAMPLES, AudioFrame, LegId
from hotline.call import recording
from hotline.call.recording import QUEUE_FRAMES, Recorder, recover
from hotline.gateway.g711 import Codec, decode, encode

pytestmark = pytest.mark.unit

LEFT, RIGHT = 0, 1


def frame(number: int, level: int = 8000, origin: int = 0) -> AudioFrame:
    pcm = np.full(FRAME_SAMPLES, level, "<i2").tobytes()
    return AudioFrame(LegId("leg"), origin + number * FRAME_SAMPLES, pcm)


def stereo(path: Path | None) -> np.ndarray:
    """Shape (samples at 8 kHz, 2)."""
    assert path is not None
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def recorder(tmp_path: Path, origin: int | None = None) -> Recorder:
    made = Recorder(tmp_path, "call")
    made.start(origin)
    return made


def hand_driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A recorder whose turns the test gives."""

    class Idle:
        def add(self, member: Recorder) -> None:
            pass

        def remove(self, member: Recorder) -> None:
            pass

    monkeypatch.setattr(recording, "_WRITER", Idle())
    return recorder(tmp_path, 0)


def test_both_sides_in_step(tmp_path: Path) -> None:
    one = recorder(tmp_path, 0)
    for n in range(50):
        one.push(LEFT, frame(n, 3000))
        if 10 <= n < 20:
            one.push(RIGHT, frame(n, -5000))
    facts = one.close()
    assert facts.path == tmp_path / "call.wav"
    assert (facts.seconds, facts.gaps, facts.failed) == (1.0, 0, False)
    assert facts.sha256 == hashlib.sha256(facts.path.read_bytes()).hexdigest()
    sound = stereo(facts.path)
    assert sound.shape == (8000, 2)
    assert np.abs(sound[100:, LEFT] - 3000).max() <= 2
    assert not sound[:1580, RIGHT].any()
    assert np.abs(sound[1640:3180, RIGHT] + 5000).max() <= 2
    assert not sound[3240:, RIGHT].any()


def test_begins_at_its_origin_and_keeps_nothing_from_before(tmp_path: Path) -> None:
    one = Recorder(tmp_path, "call")
    one.push(LEFT, frame(0, 9999))
    one.start(3200)
    one.push(LEFT, frame(9, 7777))
    one.push(LEFT, frame(10, 1000))
    facts = one.close()
    sound = stereo(facts.path)
    assert sound.shape == (160, 2)
    assert sound[:, LEFT].max() <= 1100


def test_gaps_are_silence_and_counted(tmp_path: Path) -> None:
    one = recorder(tmp_path, 0)
    for n in (*range(10), *range(30, 40)):
        one.push(LEFT, frame(n))
    facts = one.close()
    sound = stereo(facts.path)
    assert (len(sound), facts.gaps) == (40 * 160, 1)
    assert not sound[1650:4780, LEFT].any()
    assert sound[4850:, LEFT].min() > 7900


def test_doubled_and_mad_frames_do_no_harm(tmp_path: Path) -> None:
    one = recorder(tmp_path, 0)
    for n in (0, 1, 1, 0, 2, 10**9, 3):
        one.push(LEFT, frame(n))
    facts = one.close()
    assert (facts.seconds, facts.gaps) == (0.08, 0)


def test_without_start_there_is_no_file(tmp_path: Path) -> None:
    one = Recorder(tmp_path, "call")
    one.push(LEFT, frame(0))
    facts = one.close()
    assert (facts.path, facts.sha256, facts.failed) == (None, None, False)
    one.start()
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_gives_the_same_facts(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.push(LEFT, frame(0))
    assert one.close() is one.close()


def test_an_unwritable_folder_costs_only_the_recording(tmp_path: Path) -> None:
    one = Recorder(tmp_path / "missing", "call")
    one.start()
    for n in range(100):
        one.push(LEFT, frame(n))
    facts = one.close()
    assert (facts.path, facts.failed) == (None, True)


def test_a_full_disk_keeps_what_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = recording._write_at
    calls = 0

    def full(file: int, data: bytes, offset: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OSError(errno.ENOSPC, "full")
        written(file, data, offset)

    monkeypatch.setattr(recording, "_write_at", full)
    one = hand_driven(tmp_path, monkeypatch)
    for n in range(20):
        one.push(LEFT, frame(n))
        one.push(RIGHT, frame(n))
    assert one.turn()
    for n in range(20, 60):
        one.push(LEFT, frame(n))
        one.push(RIGHT, frame(n))
    assert not one.turn()
    one.push(LEFT, frame(60))
    facts = one.close()
    assert facts.failed
    assert facts.path is not None
    assert len(stereo(facts.path)) == 20 * 160


def test_never_holds_more_than_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = hand_driven(tmp_path, monkeypatch)
    for n in range(QUEUE_FRAMES + 100):
        one.push(LEFT, coded(n))
    one.turn()
    for n in range(QUEUE_FRAMES + 100, QUEUE_FRAMES + 150):
        one.push(LEFT, coded(n))
    facts = one.close()
    assert (facts.gaps, facts.dropped) == (1, 100)
    assert facts.seconds == (QUEUE_FRAMES + 150) * 0.02
    sound = stereo(facts.path)[:, LEFT].reshape(-1, 160).any(axis=1)
    assert [int(at) for at in np.flatnonzero(np.diff(sound))] == [QUEUE_FRAMES - 1, QUEUE_FRAMES + 99]


def test_the_file_is_playable_after_every_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = hand_driven(tmp_path, monkeypatch)
    for n in range(100):
        one.push(LEFT, frame(n, 3000))
        if n % 20 == 19:
            assert one.turn()
            # our side is silent, and may still come for half a second
            assert len(stereo(tmp_path / "call.part.wav")) == max(0, n + 1 - 25) * 160
    sound = stereo(one.close().path)
    assert len(sound) == 16_000
    assert np.abs(sound[100:, LEFT] - 3000).max() <= 2


def test_a_piece_of_a_growing_recording_is_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hand_driven(tmp_path, monkeypatch)
    for n in range(100):
        one.push(LEFT, frame(n, 1000 + 10 * n))
    assert one.turn()  # 1.5 s of the 2: our side may still come
    piece = recording.excerpt(tmp_path, "call", 1000, 30)
    assert piece is not None
    (tmp_path / "piece.wav").write_bytes(piece)
    sound = stereo(tmp_path / "piece.wav")
    assert len(sound) == 4000
    assert abs(int(sound[80, LEFT]) - 1500) <= 20
    brief = recording.excerpt(tmp_path, "call", 0, 1)
    assert brief is not None
    assert len(brief) == 44 + 32_000
    assert recording.excerpt(tmp_path, "call", 1500, 30) is None
    assert recording.excerpt(tmp_path, "other", 0, 30) is None
    one.close()
    assert recording.excerpt(tmp_path, "call", 0, 30) is None


def coded(number: int, law: Codec = "PCMA", level: int = 3000) -> AudioFrame:
    """As it comes from a G.711 leg: what is kept is the wire's sound, whatever the 16 kHz say."""
    sound = encode(np.full(FRAME_SAMPLES // 2, level, np.int16), law)
    return frame(number, 0)._replace(coded=sound, law=law)


def test_companded_sound_is_kept_as_it_was(tmp_path: Path) -> None:
    one = recorder(tmp_path, 0)
    random = np.random.default_rng(2)
    wires = [random.integers(0, 256, FRAME_SAMPLES // 2, np.uint8).tobytes() for _ in range(40)]
    for n, wire in enumerate(wires):
        one.push(LEFT, frame(n, 0)._replace(coded=wire, law="PCMA"))
        one.push(RIGHT, frame(n, 0)._replace(coded=wire, law="PCMU"))
    sound = stereo(one.close().path)
    assert (sound[:, LEFT] == decode(b"".join(wires), "PCMA")).all()
    assert (sound[:, RIGHT] == decode(b"".join(wires), "PCMU")).all()


def test_codecs_and_gaps_change_places_in_one_recording(tmp_path: Path) -> None:
    """A call that turns from A-law to a wideband codec to µ-law, with a hole and an overlap."""
    one = recorder(tmp_path, 0)
    for n in range(10):
        one.push(LEFT, coded(n))
    for n in range(10, 20):
        one.push(LEFT, frame(n, 3000))
    for n in range(25, 30):
        one.push(LEFT, coded(n, "PCMU"))
    one.push(LEFT, coded(29, "PCMU", level=-9000))  # its place is taken
    facts = one.close()
    sound = stereo(facts.path)[:, LEFT].reshape(30, -1)
    assert facts.gaps == 1
    assert np.abs(sound[:10] - 3000).max() <= 64
    assert np.abs(sound[11:20] - 3000).max() <= 2
    assert not sound[21:25].any()
    assert np.abs(sound[25:] - 3000).max() <= 64


def test_a_turn_may_end_inside_a_frame_s_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = hand_driven(tmp_path, monkeypatch)
    for n in range(60):
        one.push(LEFT, coded(n, level=100 * n))
        if n % 7 == 0:
            one.turn()
    sound = stereo(one.close().path)[:, LEFT].reshape(60, -1)
    for n, row in enumerate(sound):
        assert np.abs(row - 100 * n).max() <= max(8, 100 * n / 20)


def test_a_fault_of_ours_ends_one_recording_and_not_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = hand_driven(tmp_path, monkeypatch)
    one.push(LEFT, frame(0)._replace(coded=5, law="PCMA"))  # type: ignore[arg-type]
    one.push(LEFT, frame(100))
    assert not one.turn()
    assert one.close().failed


def test_orphans_are_mended(tmp_path: Path) -> None:
    header = recording._header(0)
    (tmp_path / "a.part.wav").write_bytes(header + bytes(4 * 800) + b"\1\2\3")
    (tmp_path / "b.part.wav").write_bytes(header)
    (tmp_path / "c.part.wav").write_bytes(b"RI")
    (tmp_path / "d.wav").write_bytes(b"whole")
    assert recover(tmp_path) == ("a.wav",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "d.wav"]
    assert len(stereo(tmp_path / "a.wav")) == 800
    assert recover(tmp_path) == ()
