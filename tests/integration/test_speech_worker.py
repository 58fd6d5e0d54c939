"""The speech worker's life: answers, errors, death, cancellation. The worker here is a small script."""

import sys
from pathlib import Path

import anyio
import pytest

from hotline.errors import PromptUnavailable
from hotline.robot.speech import OfflineSpeech

pytestmark = [pytest.mark.integration, pytest.mark.anyio]

WORKER = """
import json, os, sys, time
open(sys.argv[1] + "/starts", "a").write(".")
for line in sys.stdin:
    text = json.loads(line)["text"]
    if text == "die":
        os._exit(9)
    if text == "die once" and len(open(sys.argv[1] + "/starts").read()) == 1:
        os._exit(9)
    if text == "hang":
        time.sleep(60)
    if text == "nonsense":
        sys.stdout.write("{" + '"bytes": 99999999999}' + chr(10))
    elif text == "mute":
        sys.stdout.write('{"error": "mute"}' + chr(10))
    else:
        body = text * 1000
        sys.stdout.write(json.dumps({"bytes": len(body)}) + chr(10) + body)
    sys.stdout.flush()
    if text == "last":
        sys.exit(0)
"""


@pytest.fixture
def speech(tmp_path: Path) -> OfflineSpeech:
    script = tmp_path / "worker.py"
    script.write_text(WORKER, encoding="utf-8")
    return OfflineSpeech(tmp_path, command=(sys.executable, str(script)))


def _starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text("utf-8"))


async def test_texts_become_audio_one_worker_for_all(speech: OfflineSpeech, tmp_path: Path) -> None:
    async with speech:
        assert await speech.synthesize("ab") == b"ab" * 1000
        assert await speech.synthesize("cd") == b"cd" * 1000
    assert _starts(tmp_path) == 1


async def test_many_callers_wait_their_turn(speech: OfflineSpeech, tmp_path: Path) -> None:
    said: dict[str, bytes] = {}

    async def say(text: str) -> None:
        said[text] = await speech.synthesize(text)

    async with speech, anyio.create_task_group() as group:
        for text in ("a", "b", "c", "d"):
            group.start_soon(say, text)
    assert said == {text: text.encode() * 1000 for text in "abcd"}
    assert _starts(tmp_path) == 1


async def test_a_refusal_is_told_and_the_worker_kept(speech: OfflineSpeech, tmp_path: Path) -> None:
    async with speech:
        with pytest.raises(PromptUnavailable, match="mute"):
            await speech.synthesize("mute")
        assert await speech.synthesize("ab")
    assert _starts(tmp_path) == 1


async def test_a_worker_that_dies_at_once_is_not_tried_forever(speech: OfflineSpeech, tmp_path: Path) -> None:
    async with speech:
        with pytest.raises(PromptUnavailable, match="died"):
            await speech.synthesize("die")
    assert _starts(tmp_path) == 1


async def test_a_worker_that_had_ended_is_replaced(speech: OfflineSpeech, tmp_path: Path) -> None:
    async with speech:
        await speech.synthesize("last")
        assert await speech.synthesize("ab") == b"ab" * 1000
    assert _starts(tmp_path) == 2


async def test_a_death_in_service_is_tried_once_more(speech: OfflineSpeech, tmp_path: Path) -> None:
    async with speech:
        await speech.synthesize("ab")
        assert await speech.synthesize("die once") == b"die once" * 1000
        with pytest.raises(PromptUnavailable):
            await speech.synthesize("die")
    assert _starts(tmp_path) == 3


async def test_nonsense_is_refused_and_not_waited_for(speech: OfflineSpeech) -> None:
    async with speech:
        with pytest.raises(PromptUnavailable, match="nonsense"):
            await speech.synthesize("nonsense")


async def test_cancelling_leaves_no_answer_for_the_next_text(speech: OfflineSpeech, tmp_path: Path) -> None:
    async with speech:
        with anyio.move_on_after(0.5) as scope:
            await speech.synthesize("hang")
        assert scope.cancelled_caught
        assert await speech.synthesize("ab") == b"ab" * 1000
    assert _starts(tmp_path) == 2


async def test_closing_twice_is_harmless(speech: OfflineSpeech) -> None:
    await speech.synthesize("ab")
    await speech.aclose()
    await speech.aclose()


async def test_a_missing_voice_is_the_answer_of_the_real_worker(tmp_path: Path) -> None:
    async with OfflineSpeech(tmp_path) as speech:
        with pytest.raises(PromptUnavailable, match=r"fastspeech2_quan\.tflite"):
            await speech.synthesize("您好")
