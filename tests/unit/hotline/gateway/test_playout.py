"""Prompt playout: all of the sound, in 20 ms pieces, in the codec of the moment."""

import numpy as np
import pytest

from asr.audio import FRAME_SAMPLES
from hotline.gateway.g711 import SILENCE, decode, encode
from hotline.gateway.playout import Playout
from hotline.gateway.resample import FRAME_8K, Decimator

pytestmark = pytest.mark.unit

SOUND = (9000 * np.sin(np.arange(16_000 * 3 + 77) * 0.17)).astype("<i2")


def taken(playout: Playout) -> tuple[bytes, bytes]:
    coded, pcm = b"", b""
    while not playout.done:
        one, other = playout.take()
        assert (len(one), len(other)) == (FRAME_8K, 2 * FRAME_SAMPLES)
        coded, pcm = coded + one, pcm + other
    return coded, pcm


def test_everything_comes_out_and_the_last_piece_is_filled_up() -> None:
    coded, pcm = taken(Playout(SOUND.tobytes(), "PCMA"))
    frames = -(-len(SOUND) // FRAME_SAMPLES)
    padded = SOUND.tobytes().ljust(frames * 2 * FRAME_SAMPLES, b"\0")
    assert pcm == padded
    expected = decode(encode(Decimator().push(padded), "PCMA"), "PCMA").astype(int)
    assert np.abs(decode(coded, "PCMA") - expected).max() <= 512  # one step at most, where rounding differs


def test_codec_changes_in_mid_prompt() -> None:
    whole = decode(taken(Playout(SOUND.tobytes(), "PCMA"))[0], "PCMA").astype(int)
    playout = Playout(SOUND.tobytes(), "PCMA")
    playout.take()
    playout.codec("PCMU")
    rest, _ = taken(playout)
    assert np.abs(decode(rest, "PCMU") - whole[FRAME_8K:]).max() < 600


def test_nothing_is_done_at_once_and_then_silent() -> None:
    playout = Playout(b"", "PCMU")
    assert playout.done
    assert playout.take()[0] == SILENCE["PCMU"] * FRAME_8K
