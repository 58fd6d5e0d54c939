"""The client of OpenAI's transcription endpoint against a server that refuses, dawdles and lies."""

import logging
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from asr.engines.openai_remote import OpenAiEngine, OpenAiOptions, hypothesis_of
from asr.errors import EngineFailed
from asr.remote import Broken
from tests.fakes.bench import segment, speechlike
from tests.fakes.certificates import make_authority
from tests.fakes.openai_server import OpenAiServer, openai_server

pytestmark = pytest.mark.integration

SPOKEN = speechlike(1.5)
KEY = "sk-test-0123456789"


def engine(server: OpenAiServer, **changes: Any) -> OpenAiEngine:
    return OpenAiEngine(OpenAiOptions.model_validate({"url": server.url, "seconds": 30.0, **changes}))


def read(asked: OpenAiEngine) -> str:
    return asked.transcribe([segment("a", 16_000, SPOKEN)])[0].text


def test_it_sends_what_the_endpoint_wants() -> None:
    with openai_server() as server:
        assert read(engine(server, prompt="劳动仲裁", served_model="whisper-x")) == "老板拖欠工资老板"
    assert server.requests == [
        {
            "filename": "utterance.wav",
            "model": "whisper-x",
            "response_format": "json",
            "language": "zh",
            "temperature": "0.0",
            "prompt": "劳动仲裁",
        }
    ]
    assert server.authorizations == [None]


def test_times_and_confidence_come_with_verbose_json() -> None:
    with openai_server() as server:
        (found,) = engine(server, response_format="verbose_json").transcribe([segment("a", 32_000, SPOKEN)])
    assert server.requests[0]["timestamp_granularities[]"] == "segment"
    assert [(word.text, word.start, word.end) for word in found.words[:2]] == [
        ("老", 32_000, 34_880),
        ("板", 34_880, 37_760),
    ]
    assert found.confidence == pytest.approx(0.7788, abs=1e-3)


def test_the_key_comes_from_the_environment_or_a_file_and_is_never_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HOTLINE_ASR_KEY", KEY)
    (tmp_path / "key").write_text(f"{KEY}\n")
    with openai_server(key=KEY) as server:
        assert read(engine(server))
        monkeypatch.setenv("HOTLINE_ASR_KEY", "wrong")
        assert read(engine(server, key_file=tmp_path / "key"))
        with pytest.raises(EngineFailed, match=r"refuses the key \(401\)") as caught:
            read(engine(server))
        assert "wrong" not in str(caught.value)
    assert len(server.authorizations) == 3  # a refused key is not tried again
    assert KEY not in caplog.text
    assert KEY not in repr(OpenAiOptions(key_file=tmp_path / "key"))


@pytest.mark.parametrize(
    "behaviour", ["429", "500", "502", "503", "drop", "garbage", "types", "long", "huge"]
)
def test_what_may_pass_is_tried_again(behaviour: str) -> None:
    with openai_server(behaviours=[behaviour]) as server:
        assert read(engine(server)) == "老板拖欠工资老板"
    assert len(server.authorizations) == 2


def test_retry_after_is_honoured_where_there_is_time() -> None:
    with openai_server(behaviours=["429/1"]) as server:
        began = time.monotonic()
        assert read(engine(server))
        assert time.monotonic() - began >= 1.0
    with openai_server(behaviours=["429/600"]) as server, pytest.raises(EngineFailed, match="answers 429"):
        read(engine(server))
    assert len(server.authorizations) == 1


@pytest.mark.parametrize("behaviour", ["400", "404", "413", "422", "307"])
def test_what_cannot_pass_is_not_tried_again(behaviour: str) -> None:
    said = f"^openai: the server answers {behaviour}$"
    with openai_server(behaviours=[behaviour]) as server, pytest.raises(EngineFailed, match=said):
        read(engine(server))
    assert len(server.authorizations) == 1


@pytest.mark.parametrize("behaviour", ["503", "garbage", "list", "no text", "types", "long", "deep", "latin"])
def test_tries_are_bounded_and_errors_hold_no_text(behaviour: str) -> None:
    with openai_server(behaviours=[behaviour] * 9) as server, pytest.raises(EngineFailed) as caught:
        read(engine(server, tries=2))
    assert len(server.authorizations) == 2
    assert not any("\u4e00" <= each <= "\u9fff" for each in str(caught.value))


def test_a_slow_server_is_given_up_in_time() -> None:
    with openai_server(behaviours=["slow"] * 3) as server:
        began = time.monotonic()
        with pytest.raises(EngineFailed, match="ReadTimeout"):
            engine(server, seconds=1.0, tries=2).transcribe([segment("a", 0, speechlike(0.3))])
        assert time.monotonic() - began < 20


def test_a_server_that_is_away_is_named_so() -> None:
    with openai_server() as server:
        asked = engine(server, tries=2)
    with pytest.raises(EngineFailed, match=r"cannot be asked \(ConnectError\)"):
        read(asked)


def test_several_are_asked_at_once_and_answered_in_order() -> None:
    lengths = (0.6, 1.5, 0.9, 2.0, 0.7)
    segments = [segment(f"s{n}", n * 90_000, speechlike(length)) for n, length in enumerate(lengths)]
    with openai_server(behaviours=["500", "", "drop"]) as server:
        found = engine(server, connections=3).transcribe(segments)
    assert [len(each.text) for each in found] == [3, 8, 5, 11, 3]


def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    papers = make_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.certificate, papers.key)
    with openai_server(context) as server:
        assert read(engine(server, ca=papers.authority))
        with pytest.raises(EngineFailed, match="cannot be asked"):
            read(engine(server, tries=1))
        assert read(engine(server, verify=False))


def test_no_proxy_of_the_environment_hears_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with openai_server() as server:
        assert read(engine(server, tries=1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://10.0.0.5/v1/audio/transcriptions"}, "in the clear"),
        ({"url": "ftp://10.0.0.5/"}, "must begin with https:// or http://"),
        ({"key_file": Path("/nonexistent")}, "key_file cannot be read"),
    ],
)
def test_options_that_cannot_be_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EngineFailed, match=said):
        OpenAiEngine(OpenAiOptions(**changes))


def test_a_key_that_would_break_the_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("one\r\nX-Other: two")
    with pytest.raises(EngineFailed, match="the key holds characters") as caught:
        OpenAiEngine(OpenAiOptions(key_file=tmp_path / "key"))
    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"segments": [{"text": "工资", "start": "0", "end": 1}]},
        {"segments": [{"text": "工", "start": 0, "end": 1}]},
        {"segments": [{"text": "工资", "start": -1.0, "end": 1}]},
        {"segments": [{"text": "工资", "start": True, "end": 1}]},
        {"segments": ["工资"]},
        {"segments": "工资"},
        {"words": [{"word": "工资"}]},
    ],
)
def test_odd_times_are_no_times(more: dict[str, Any]) -> None:
    found = hypothesis_of({"text": "工资", **more}, segment("a", 0, SPOKEN))
    assert (found.text, found.words, found.confidence) == ("工资", (), None)


def test_text_of_nothing_but_signs_is_none_and_too_much_is_refused() -> None:
    assert hypothesis_of({"text": " 。…"}, segment("a", 0, SPOKEN)).text == ""
    with pytest.raises(Broken):
        hypothesis_of({"text": "啊" * 200}, segment("a", 0, SPOKEN))
