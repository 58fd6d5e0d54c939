"""Prompts: recordings win, speech is cached by words and voice, nothing is ever silent."""

import logging
import wave
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import SAMPLE_RATE
from hotline.errors import ConfigError, PromptUnavailable
from hotline.ivr.prompts import Progress, PromptBook, even_groups, pieces

pytestmark = pytest.mark.unit

TEXTS = """
language: zh-CN
prompts:
  hello: 您好。
  number: 编号是：{number}。
  key.1: 幺
  key.2: 二
"""


class Voice:
    """Speaks each text as its own bytes, so that what is heard can be read."""

    def __init__(self, voice: str = "a", dumb: frozenset[str] = frozenset()) -> None:
        self.voice = voice
        self.said: list[str] = []
        self._dumb = dumb

    async def synthesize(self, text: str) -> bytes:
        self.said.append(text)
        if text in self._dumb:
            raise PromptUnavailable("dumb")
        return text.encode("utf-16-le")


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    folder = tmp_path / "flows"
    (folder / "prompts" / "audio").mkdir(parents=True)
    (folder / "prompts" / "zh-CN.yaml").write_text(TEXTS, encoding="utf-8")
    return folder


def _record(flows: Path, prompt: str, samples: bytes, rate: int = SAMPLE_RATE) -> None:
    with wave.open(str(flows / "prompts" / "audio" / f"{prompt}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)


def _heard(pcm: bytes) -> str:
    """What `Voice` said; silences are left out."""
    return pcm.replace(b"\0\0", b"").decode("utf-16-le")


def _book(flows: Path, voice: Voice | None) -> PromptBook:
    book = PromptBook.load(flows, flows.parent / "cache", voice)
    anyio.run(book.prepare)
    return book


def test_a_prompt_is_spoken_and_joined(flows: Path) -> None:
    assert _heard(_book(flows, Voice()).audio(["hello", "hello"], {})) == "您好。您好。"


def test_a_number_is_read_key_by_key_without_what_has_no_sound(flows: Path) -> None:
    pcm = _book(flows, Voice()).audio(["number"], {"number": "SC-12-21"})
    assert _heard(pcm) == "编号是：幺二二幺"


def test_a_missing_value_is_left_out(flows: Path) -> None:
    assert _heard(_book(flows, Voice()).audio(["number"], {})) == "编号是："


def test_the_cache_is_used_by_the_next_start(flows: Path) -> None:
    _book(flows, Voice())
    second = Voice()
    book = PromptBook.load(flows, flows.parent / "cache", second)
    assert book.missing() == []
    assert _heard(book.audio(["hello"], {})) == "您好。"
    assert second.said == []


def test_another_voice_does_not_use_this_ones_cache(flows: Path) -> None:
    _book(flows, Voice("a"))
    assert PromptBook.load(flows, flows.parent / "cache", Voice("b")).missing() == [
        "您好。",
        "编号是：",
        "幺",
        "二",
    ]


def test_changed_words_are_spoken_anew(flows: Path) -> None:
    _book(flows, Voice())
    file = flows / "prompts" / "zh-CN.yaml"
    file.write_text(TEXTS.replace("您好。", "你好。"), encoding="utf-8")
    assert PromptBook.load(flows, flows.parent / "cache", Voice()).missing() == ["你好。"]


def test_a_recording_wins_and_is_heard_unchanged(flows: Path) -> None:
    _record(flows, "hello", b"\x01\x02" * 100)
    voice = Voice()
    assert _book(flows, voice).audio(["hello"], {}) == b"\x01\x02" * 100
    assert "您好。" not in voice.said


def test_a_recorded_key_wins_inside_a_number(flows: Path) -> None:
    _record(flows, "key.1", "壹".encode("utf-16-le"))
    assert _heard(_book(flows, Voice()).audio(["number"], {"number": "12"})) == "编号是：壹二"


def test_a_recorded_prompt_with_a_place_still_reads_the_value(flows: Path) -> None:
    _record(flows, "number", "录".encode("utf-16-le"))
    assert _heard(_book(flows, Voice()).audio(["number"], {"number": "12"})) == "录幺二"


@pytest.mark.parametrize(("rate", "hint"), [(8_000, "16000 Hz"), (48_000, "16000 Hz")])
def test_a_recording_of_another_rate_is_refused_by_name(flows: Path, rate: int, hint: str) -> None:
    _record(flows, "hello", b"\0\0" * 10, rate)
    with pytest.raises(ConfigError) as caught:
        _book(flows, None)
    assert "hello.wav" in str(caught.value)
    assert hint in str(caught.value)


def test_recordings_that_cannot_be_used_are_all_named(flows: Path) -> None:
    (flows / "prompts" / "audio" / "hello.wav").write_bytes(b"RIFF?")
    _record(flows, "nobody", b"\0\0")
    _record(flows, "key.1", b"")
    with pytest.raises(ConfigError) as caught:
        _book(flows, None)
    assert len(caught.value.problems) == 3


def test_what_cannot_be_spoken_is_a_tone_and_a_warning(flows: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = _book(flows, Voice(dumb=frozenset({"您好。"})))
    with caplog.at_level(logging.WARNING):
        pcm = book.audio(["hello"], {})
    assert len(pcm) == SAMPLE_RATE  # half a second
    assert max(pcm) > 0
    assert "no audio" in caplog.text


def test_a_prompt_nobody_wrote_is_a_tone(flows: Path) -> None:
    assert len(_book(flows, Voice()).audio(["unheard_of"], {})) == SAMPLE_RATE


def test_without_a_voice_the_line_still_takes_calls(flows: Path) -> None:
    book = PromptBook.load(flows, flows.parent / "cache")
    failed = anyio.run(book.prepare)
    assert failed == ["您好。", "编号是：", "幺", "二"]
    assert book.audio(["hello"], {})


def test_a_cache_that_cannot_be_written_costs_only_the_cache(flows: Path) -> None:
    cache = flows.parent / "cache"
    cache.write_text("a file where a folder should be", encoding="utf-8")
    assert _heard(_book(flows, Voice()).audio(["hello"], {})) == "您好。"


def test_progress_counts_to_the_end(flows: Path) -> None:
    seen: list[Progress] = []
    anyio.run(PromptBook.load(flows, flows.parent / "cache", Voice()).prepare, seen.append)
    assert [progress.done for progress in seen] == [0, 1, 2, 3, 4]
    assert {progress.total for progress in seen} == {4}


def test_texts_of_another_shape_are_named(flows: Path) -> None:
    (flows / "prompts" / "zh-CN.yaml").write_text("prompts: {Hello: 3}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        PromptBook.load(flows, flows.parent / "cache")
    assert "zh-CN.yaml: prompts.Hello" in str(caught.value)


@given(st.text(max_size=40), st.dictionaries(st.sampled_from(["number", "x"]), st.text(max_size=30)))
def test_audio_never_raises_and_is_whole_samples(prompt: str, values: dict[str, str]) -> None:
    book = PromptBook({"a": prompt or "x", "key.1": "幺"}, Path("/nowhere"), Path("/nowhere"), None)
    assert len(book.audio(["a", "b"], values)) % 2 == 0


@given(st.text("0123456789", max_size=40))
def test_groups_lose_nothing_and_are_even(digits: str) -> None:
    groups = even_groups(digits)
    assert "".join(groups) == digits
    assert all(1 <= len(group) <= 4 for group in groups)
    assert not groups or len(groups[0]) - len(groups[-1]) <= 1


def test_the_words_around_a_place_are_pieces_of_their_own() -> None:
    assert pieces("前{number}后。") == [("前", False), ("number", True), ("后。", False)]
    assert pieces("编号：{number}。") == [("编号：", False), ("number", True)]
