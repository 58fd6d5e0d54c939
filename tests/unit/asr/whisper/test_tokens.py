"""Tokens, bytes and characters; which tokens Chinese needs; what partials have agreed on."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import LegId, Segment, UtteranceId
from asr.errors import EngineFailed
from asr.whisper.characters import words
from asr.whisper.model import Aligned
from asr.whisper.prefixes import REMEMBERED, Prefixes
from asr.whisper.trim import CONTROLS, read_model
from asr.whisper.vocabulary import Vocabulary, is_chinese, kept, raw_bytes

pytestmark = pytest.mark.unit


def spelled(text: str) -> str:
    """As vocabulary files write it."""
    letters = {byte: chr(byte) for byte in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))}
    rest = [byte for byte in range(0x100) if byte not in letters]
    letters |= {byte: chr(0x100 + place) for place, byte in enumerate(rest)}
    return "".join(letters[byte] for byte in text.encode())


GONG = spelled("工")
PIECES = ["a", "b", GONG, spelled("资"), spelled("老板"), GONG[:2], GONG[2:], spelled("，"), spelled(" the")]
END = "<|endoftext|>"
ROW = [*PIECES, END, "<|startoftranscript|>", "<|zh|>", "<|en|>", "<|0.00|>"]


def test_characters_know_their_tokens() -> None:
    vocabulary = Vocabulary(ROW)
    found = vocabulary.characters([4, 5, 6, 3, 7, 5])
    assert [(each.text, each.first, each.last) for each in found] == [
        ("老", 0, 0),
        ("板", 0, 0),
        ("工", 1, 2),
        ("资", 3, 3),
        ("，", 4, 4),
    ]
    assert vocabulary.decode([4, 2, 3]) == "老板工资"
    assert vocabulary.text_tokens([2, 9, 3, 13]) == (2, 3)
    assert vocabulary.encode([GONG, "ab"]) == [2, 0, 1]


@given(st.lists(st.integers(0, len(ROW) - 1), max_size=20))
def test_any_row_of_tokens_can_be_written(tokens: list[int]) -> None:
    text = Vocabulary(ROW).decode(tokens)
    assert "\ufffd" not in text


@pytest.mark.parametrize("text", ["工", "老板", "，", "a", " 1", "……"])
def test_what_chinese_needs(text: str) -> None:
    assert is_chinese(text.encode())


@pytest.mark.parametrize("text", [" the", "ный", "한", "です", "é"])
def test_what_it_does_not(text: str) -> None:
    assert not is_chinese(text.encode())


def test_control_tokens_are_kept_by_name() -> None:
    numbers = kept(ROW, CONTROLS, is_chinese)
    assert [ROW[number] for number in numbers] == [*PIECES[:-1], END, "<|startoftranscript|>", "<|zh|>"]
    assert raw_bytes(GONG) == "工".encode()


def tensor(name: str, shape: tuple[int, ...], data: bytes) -> bytes:
    text = name.encode() + b"\0"
    head = struct.pack("<H", len(text)) + text + struct.pack("<B", len(shape))
    return head + struct.pack(f"<{len(shape)}I", *shape) + struct.pack("<BI", 0, len(data)) + data


def model(folder: Path, rows: int = len(ROW)) -> Path:
    name = b"WhisperSpec\0"
    start = struct.pack("<I", 6) + struct.pack("<H", len(name)) + name + struct.pack("<I", 3)
    table = struct.pack(f"<{rows * 2}f", *range(rows * 2))
    other = tensor("encoder/x", (3,), struct.pack("<3f", 1, 2, 3))
    data = start + struct.pack("<I", 2) + tensor("decoder/embeddings", (rows, 2), table) + other
    (folder / "model.bin").write_bytes(data + struct.pack("<I", 0))
    (folder / "vocabulary.json").write_text(json.dumps(ROW), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"lang_ids": [11, 12], "suppress_ids": [0, 8]}))
    return folder


def test_rows_of_other_languages_are_left_out(tmp_path: Path) -> None:
    whole = read_model(model(tmp_path), chinese_only=False)
    assert whole.vocabulary == tuple(ROW)
    files = read_model(tmp_path, chinese_only=True)
    assert len(files.vocabulary) == 11
    assert json.loads(files.files["config.json"]) == {"lang_ids": [10], "suppress_ids": [0]}
    data = files.files["model.bin"]
    assert len(whole.files["model.bin"]) - len(data) == 3 * 2 * 4
    kept_rows = [8 * 2, 8 * 2 + 1]
    assert struct.pack("<2f", *kept_rows) not in data
    assert struct.pack("<4f", 18, 19, 20, 21) in data
    assert data.endswith(tensor("encoder/x", (3,), struct.pack("<3f", 1, 2, 3)) + struct.pack("<I", 0))


@pytest.mark.parametrize("damage", ["short", "config", "missing"])
def test_a_damaged_model_is_an_engines_error(tmp_path: Path, damage: str) -> None:
    model(tmp_path)
    if damage == "short":
        (tmp_path / "model.bin").write_bytes((tmp_path / "model.bin").read_bytes()[:90])
    elif damage == "config":
        (tmp_path / "config.json").write_text("[1")
    else:
        (tmp_path / "vocabulary.json").unlink()
    with pytest.raises(EngineFailed, match="whisper"):
        read_model(tmp_path, chinese_only=True)


def test_partials_go_on_from_what_two_agreed_on() -> None:
    prefixes, one = Prefixes(), UtteranceId("u1")
    assert prefixes.of(one) == ()
    prefixes.note(one, (1, 2, 3, 4, 5, 6))
    assert prefixes.of(one) == ()
    prefixes.note(one, (1, 2, 3, 4, 5, 9, 7, 8))
    assert prefixes.of(one) == (1, 2)  # short of the last four
    prefixes.note(one, (1, 2, 3, 4, 5, 9, 7, 8, 10, 11))
    assert prefixes.of(one) == (1, 2, 3, 4)
    prefixes.forget(one)
    assert prefixes.of(one) == ()


def test_what_is_remembered_of_partials_is_bounded() -> None:
    prefixes = Prefixes()
    for number in range(REMEMBERED + 1):
        for _ in range(2):
            prefixes.note(UtteranceId(str(number)), range(10))
    assert prefixes.of(UtteranceId("0")) == ()
    assert prefixes.of(UtteranceId("1")) == (0, 1, 2, 3, 4, 5)


def test_characters_lie_in_the_segment_in_order_with_their_chances() -> None:
    segment = Segment(UtteranceId("u"), LegId("l"), 16_000, 48_000, bytes(64_000))
    characters = Vocabulary(ROW).characters([4, 5, 6, 3])
    aligned = Aligned((0, 8_000, 12_000, 16_000), (0.9, 0.5, 0.4, 0.8))
    found = words(segment, characters, aligned, lambda chance: chance)
    assert [each.text for each in found] == ["老", "板", "工", "资"]
    assert [each.confidence for each in found] == pytest.approx([0.9, 0.9, 0.2, 0.8])
    times = [(each.start, each.end) for each in found]
    assert times == sorted(times)
    assert times[0] == (16_000, 20_000)
    assert times[2] == (24_000, 32_000)
    assert times[3][1] <= 48_000
