"""G.711 against the Recommendation's own numbers and against the C implementation."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from hotline.gateway.g711 import SILENCE, Codec, decode, encode, transcode

pytestmark = pytest.mark.unit

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Coder = Callable[[bytes, int], bytes]

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_alaw_values_of_the_recommendation() -> None:
    """G.711 table 1a/1b: character signals with even bits inverted, decoder values times 8 (13 to 16 bit)."""
    codes = bytes([0xD5, 0x55, 0xD4, 0xAA, 0x2A, 0x80])
    assert decode(codes, "PCMA").tolist() == [8, -8, 24, 32256, -32256, 5504]


def test_ulaw_values_of_the_recommendation() -> None:
    """G.711 table 2a/2b: decoder values times 4 (14 to 16 bit)."""
    codes = bytes([0xFF, 0x7F, 0x80, 0x00, 0xEF, 0x8F])
    assert decode(codes, "PCMU").tolist() == [0, 0, 32124, -32124, 132, 16764]


@pytest.mark.parametrize(
    ("codec", "to_linear", "from_linear"),
    [("PCMA", audioop.alaw2lin, audioop.lin2alaw), ("PCMU", audioop.ulaw2lin, audioop.lin2ulaw)],
)
def test_every_code_and_every_sample_as_in_c(codec: Codec, to_linear: Coder, from_linear: Coder) -> None:
    assert decode(EVERY_CODE, codec).tobytes() == to_linear(EVERY_CODE, 2)
    assert encode(EVERY_SAMPLE, codec) == from_linear(EVERY_SAMPLE.tobytes(), 2)


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_codes_survive_a_round_trip(codec: Codec) -> None:
    again = encode(decode(EVERY_CODE, codec), codec)
    assert decode(again, codec).tolist() == decode(EVERY_CODE, codec).tolist()


def test_transcoding_is_decoding_and_encoding() -> None:
    assert transcode(EVERY_CODE, "PCMU") == encode(decode(EVERY_CODE, "PCMA"), "PCMU")
    assert transcode(EVERY_CODE, "PCMA") == encode(decode(EVERY_CODE, "PCMU"), "PCMA")


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_silence_is_silent(codec: Codec) -> None:
    assert abs(int(decode(SILENCE[codec], codec)[0])) <= 8
