"""The FunASR client against a server that drops, dawdles, lies and shouts."""

import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from asr.engines.funasr_remote import FunasrEngine, FunasrOptions
from asr.errors import EngineFailed
from tests.fakes.bench import segment, speechlike
from tests.fakes.certificates import Papers, make_authority
from tests.fakes.funasr_server import SAID, FunasrServer, funasr_server

pytestmark = pytest.mark.integration

SPOKEN = speechlike(1.5)
SECRET = "别人的话"


def engine(server: FunasrServer, style: str = "runtime", **changes: Any) -> FunasrEngine:
    values = {"url": server.url, "server": style, "seconds": 30.0, "settle_s": 10, **changes}
    return FunasrEngine(FunasrOptions.model_validate(values))


def read(asked: FunasrEngine) -> str:
    return asked.transcribe([segment("a", 16_000, SPOKEN)])[0].text


def test_it_speaks_the_protocol(tmp_path: Path) -> None:
    words = tmp_path / "hot.txt"
    words.write_text("# weight 1 to 100\n拖欠工资 20\n劳动 仲裁 30\n", encoding="utf-8")
    with funasr_server() as server:
        found = engine(server, hotwords=words, itn=False).transcribe([segment("a", 16_000, SPOKEN)])[0]
    assert found.text == "老板拖欠工资老板"
    opening = server.openings[0]
    assert opening["mode"] == "2pass"
    assert (opening["chunk_size"], opening["chunk_interval"], opening["audio_fs"]) == ([5, 10, 5], 10, 16_000)
    assert (opening["wav_format"], opening["itn"]) == ("pcm", False)
    assert json.loads(opening["hotwords"]) == {"拖欠工资": 20, "劳动 仲裁": 30}
    assert max(server.sizes) == 60 * 32  # 60 * 10 / 10 ms of 16 kHz s16le
    assert "leg" not in json.dumps(opening)
    assert server.wrong == []


def test_the_end_never_comes_with_nothing_left_to_read() -> None:
    with funasr_server() as server:
        engine(server).transcribe([segment("a", 0, bytes(1_600 * 20))])
    assert sum(server.sizes) % 1_600 != 0


def test_partials_grow_and_the_second_pass_corrects_them() -> None:
    with funasr_server(punctuates=True) as server:
        session = engine(server).open()
        partials = []
        for at in range(0, len(SPOKEN), 6_400):
            partials.append(session.feed(SPOKEN[at : at + 6_400]))
            time.sleep(0.05)
        final = session.finish()
    texts = [each.text for each in partials if each is not None]
    assert texts
    assert all(SAID.startswith(each[:6]) for each in texts)
    assert final.text == "老板，拖欠工资老板。"
    assert "".join(word.text for word in final.words) == final.text
    assert server.connections == 1


@pytest.mark.parametrize(
    "behaviour",
    ["drop", "garbage", "list", "binary", "types", "deep", "long", "huge"],
)
def test_after_one_bad_connection_the_whole_utterance_is_asked_again(behaviour: str) -> None:
    with funasr_server(behaviours=[behaviour]) as server:
        assert read(engine(server)) == "老板拖欠工资老板"
    assert server.connections == 2


@pytest.mark.parametrize("behaviour", ["other", "unknown", "badtimes", "slow"])
def test_what_does_not_concern_us_is_passed_over(behaviour: str) -> None:
    with funasr_server(behaviours=[behaviour]) as server:
        assert read(engine(server)) == "老板拖欠工资老板"
    assert server.connections == 1


@pytest.mark.parametrize("behaviour", ["drop", "garbage", "long", "types"])
def test_when_every_try_fails_it_says_so_without_a_word_of_text(behaviour: str) -> None:
    with funasr_server(behaviours=[behaviour] * 9) as server, pytest.raises(EngineFailed) as caught:
        read(engine(server, tries=2))
    assert server.connections == 2
    chain: BaseException | None = caught.value
    assert str(chain).startswith("funasr: ")
    assert not any("\u4e00" <= each <= "\u9fff" for each in str(chain))


def test_a_drop_while_streaming_costs_no_words() -> None:
    with funasr_server(behaviours=["drop"]) as server:
        session = engine(server).open()
        for at in range(0, len(SPOKEN), 6_400):
            session.feed(SPOKEN[at : at + 6_400])
            time.sleep(0.02)
        assert session.finish().text == "老板拖欠工资老板"
    assert server.connections == 2


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    with funasr_server(behaviours=["silent"] * 3) as server:
        began = time.monotonic()
        with pytest.raises(EngineFailed, match=r"no answer in time|connection was lost"):
            read(engine(server, seconds=1.0, tries=1))
        assert time.monotonic() - began < 20


def test_a_server_that_does_not_read_holds_nobody() -> None:
    with funasr_server(behaviours=["stuck"] * 3) as server:
        began = time.monotonic()
        with pytest.raises(EngineFailed):
            engine(server, seconds=1.0, tries=1, connect_s=1.0).transcribe(
                [segment("a", 0, speechlike(20.0))]
            )
        assert time.monotonic() - began < 25


def test_a_server_that_is_away_is_named_so_and_found_again() -> None:
    with funasr_server() as server:
        asked = engine(server, tries=1)
        assert read(asked)
    with pytest.raises(EngineFailed, match="cannot be reached"):
        read(asked)


def test_one_bad_utterance_does_not_mix_with_the_others() -> None:
    lengths = (0.6, 1.5, 0.9, 2.0, 0.7, 1.1)
    segments = [segment(f"s{n}", n * 90_000, speechlike(length)) for n, length in enumerate(lengths)]
    with funasr_server(behaviours=["", "garbage", "other", "drop", "slow"]) as server:
        found = engine(server, connections=3).transcribe(segments)
    for each, asked in zip(found, segments, strict=True):
        assert SECRET not in each.text
        assert all(asked.start <= word.start <= word.end <= asked.end for word in each.words)
    assert [len(each.text) for each in found] == [3, 8, 5, 11, 3, 6]


def test_a_late_final_mark_of_the_python_server_cuts_nothing() -> None:
    """There, `is_final` says that the speaker is still speaking."""
    with funasr_server(style="python") as server:
        assert read(engine(server, style="python")) == "老板拖欠工资老板"
    with funasr_server(style="old python") as server:
        assert read(engine(server, style="python", settle_s=2.0)) == "老板拖欠工资老板"


def test_an_end_before_ours_is_none() -> None:
    with funasr_server(behaviours=["early"]) as server:
        session = engine(server).open()
        for at in range(0, len(SPOKEN), 6_400):
            session.feed(SPOKEN[at : at + 6_400])
            time.sleep(0.05)
        assert session.finish().text == "老板拖欠工资老板"
    assert server.connections == 1


def tls(papers: Papers) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.certificate, papers.key)
    return context


def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    papers = make_authority(tmp_path)
    with funasr_server(tls(papers)) as server:
        assert read(engine(server, ca=papers.authority))
        with pytest.raises(EngineFailed, match=r"cannot be reached \(SSLCertVerificationError\)"):
            read(engine(server, tries=1))
        assert read(engine(server, verify=False))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "ws://10.0.0.5:10095"}, "in the clear"),
        ({"url": "http://10.0.0.5"}, "must begin with wss:// or ws://"),
        ({"url": "wss://user:word@10.0.0.5"}, "no user and no password"),
        ({"url": "wss://[::1"}, "no address"),
        ({"chunk_size": (5, 0, 5)}, "chunk_size"),
        ({"ca": Path("/nonexistent.pem")}, "ca: no certificates"),
        ({"hotwords": Path("/nonexistent.txt")}, "hotwords"),
    ],
)
def test_options_that_cannot_be_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EngineFailed, match=said) as caught:
        FunasrEngine(FunasrOptions(**changes))
    assert "word@" not in str(caught.value)


def test_a_closed_network_may_be_in_the_clear() -> None:
    assert FunasrEngine(FunasrOptions(url="ws://10.0.0.5:10095", clear=True)).tls is None


def test_a_bad_line_of_hot_words_is_named(tmp_path: Path) -> None:
    words = tmp_path / "hot.txt"
    words.write_text("工资 20\n拖欠\n", encoding="utf-8")
    with pytest.raises(EngineFailed, match=r"hot\.txt:2: a word and a weight"):
        FunasrEngine(FunasrOptions(hotwords=words))


def test_an_utterance_of_more_than_a_minute_is_refused() -> None:
    session = FunasrEngine(FunasrOptions(url="ws://127.0.0.1:9")).open()
    with pytest.raises(EngineFailed, match="longer than a minute"):
        session.keep(bytes(61 * 32_000))
