"""People call and are understood: orders, transcripts, recordings, and who sees what."""

import json
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.e2e.conftest import CALLERS, Day, wav_seconds
from tests.e2e.line import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.model, pytest.mark.timeout(420)]

both = pytest.mark.parametrize("transport", sorted(CALLERS))


@both
def test_the_call_becomes_a_dispatched_order(day: Day, transport: str) -> None:
    row = day.call(transport)
    assert (row["outcome"], row["detail"], row["dialled"]) == ("order_filed", "local_hangup", "12348")
    (number,) = json.loads(row["orders"])
    (order,) = day.line.rows("SELECT * FROM work_orders WHERE number = ?", number)
    assert order["call_id"] == row["id"]
    assert (order["matter"], order["district"], order["unit"]) == (
        "labour.wages",
        "510116",
        "legal_aid-510116",
    )
    assert (order["state"], order["caller_contact"]) == ("dispatched", "13912345678")  # as the caller said
    assert order["due_at"] is not None
    fields = day.line.fields(number)
    assert (fields["amount"], fields["people"], fields["place"]) == ("186000", "13", "510116")


@both
def test_the_flow_was_walked_to_its_end(day: Day, transport: str) -> None:
    row = day.call(transport)
    assert json.loads(row["flow_path"])[0] == "greeting"
    assert json.loads(row["flow_path"])[-1] == "goodbye"
    assert row["consent_version"] == "2026-11"
    assert row["consent_at"] is not None


@both
def test_the_transcript_is_kept_raw_and_normalised(day: Day, transport: str) -> None:
    said = day.line.rows("SELECT * FROM utterances WHERE call_id = ? ORDER BY seq", day.call(transport)["id"])
    text = "".join(row["text"] for row in said)
    assert all(row["raw"] and json.loads(row["spans"]) for row in said)
    assert "工资" in text
    assert "双流" in text
    assert sum(row["degraded"] for row in said) == 0


@both
def test_the_recording_has_both_sides_in_their_places(day: Day, transport: str) -> None:
    row = day.call(transport)
    with wave.open(str(day.line.data / "recordings" / row["recording"])) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    legs = day.line.rows('SELECT start, "end" FROM utterances WHERE call_id = ?', row["id"])
    caller, robot = samples.T
    talk = np.zeros(len(samples), bool)
    for leg in legs:
        start, end = ((leg[name] - row["recording_origin"]) // 2 for name in ("start", "end"))
        talk[max(start, 0) : end] = True
    assert loudness(caller[talk]) > 300
    assert loudness(robot[talk]) < 50  # nobody talks over the caller
    assert loudness(caller[~talk]) < loudness(caller[talk]) / 5
    assert loudness(robot[~talk]) > 300


@both
def test_the_recording_begins_when_the_notice_is_over(day: Day, transport: str) -> None:
    row = day.call(transport)
    recorded = wav_seconds(day.line.data / "recordings" / row["recording"])
    heard = wav_seconds(day.heard[transport])
    # greeting and notice take some 15 s
    assert 12 < heard - recorded < 20
    assert row["recording_origin"] / 16_000 == pytest.approx(heard - recorded, abs=1.5)


@both
def test_the_caller_heard_the_prompts(day: Day, transport: str) -> None:
    with wave.open(str(day.heard[transport])) as file:
        samples = np.frombuffer(file.readframes(16_000 * 15), "<i2").astype(float)
    seconds = [loudness(second) for second in np.split(samples, 15)]
    assert sum(level > 300 for level in seconds) >= 12
    assert "0 lost" in day.said[transport]


def loudness(samples: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    """Root mean square, of 32,768."""
    return float(np.sqrt(np.mean(samples**2)))


def test_units_see_and_answer_only_their_own(day: Day) -> None:
    tokens = {}
    for unit in ("legal_aid-510116", "legal_aid-510104"):
        made = day.line.command("units", "token", unit)
        assert made.returncode == 0, made.stderr
        tokens[unit] = made.stdout.strip()
    seeing = day.line.command("units", "token", "legal_aid-510116", "--scope", "read", "--scope", "caller")
    (number,) = json.loads(day.call("udp")["orders"])
    with unit_client(day, tokens["legal_aid-510104"]) as stranger:
        assert stranger.get("/orders").json()["orders"] == []
        assert stranger.get(f"/orders/{number}").status_code == 404
        assert stranger.post(f"/orders/{number}/sign", json={"by": "x"}).status_code == 404
    with unit_client(day, "wrong") as nobody:
        assert nobody.get("/orders").status_code == 401
    with unit_client(day, tokens["legal_aid-510116"]) as unit:
        listed = unit.get("/orders", params={"state": "dispatched"}).json()["orders"]
        assert number in {order["number"] for order in listed}
        order = unit.get(f"/orders/{number}").json()
        assert order["caller_contact"] == "139****5678"
        signed = unit.post(f"/orders/{number}/sign", json={"by": "值班员"})
        assert (signed.status_code, signed.json()["state"]) == (200, "signed")
        reply = unit.post(f"/orders/{number}/reply", json={"by": "值班员", "text": "已联系来电人"})
        assert (reply.status_code, reply.json()["state"]) == (200, "replied")
        assert unit.post(f"/orders/{number}/sign", json={"by": "值班员"}).status_code == 409
    with unit_client(day, seeing.stdout.strip()) as unit:
        order = unit.get(f"/orders/{number}", params={"reason": "联系来电人核对金额"}).json()
        assert order["caller_contact"] == "13912345678"
    (row,) = day.line.rows("SELECT state FROM work_orders WHERE number = ?", number)
    assert row["state"] == "replied"


def unit_client(day: Day, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=day.line.web + "units/v1", headers=headers, trust_env=False, timeout=10)


def test_each_order_reached_its_unit_once_and_signed(day: Day) -> None:
    """demo_unit.py checks the signature before it prints an order."""
    pushed = "SELECT * FROM order_outbox WHERE kind = 'webhook'"
    done = wait_for(
        lambda: all(row["finished_at"] for row in day.line.rows(pushed)), 20, "webhooks are delivered"
    )
    assert done
    assert [row["attempts"] for row in day.line.rows(pushed)] in ([0] * len(CALLERS), [1] * len(CALLERS))
    assert day.webhook.stdout is not None
    numbers = [json.loads(day.webhook.stdout.readline())["number"] for _ in CALLERS]
    assert sorted(numbers) == sorted(order["number"] for order in day.line.orders())


def test_nothing_a_caller_said_is_in_the_log(day: Day) -> None:
    log = day.line.log.read_text(encoding="utf-8")
    said = day.line.rows("SELECT text, raw FROM utterances")
    for text in {row[name] for row in said for name in ("text", "raw")}:
        for start in range(0, max(1, len(text) - 5), 3):
            assert text[start : start + 6] not in log
    for secret in (
        *CALLERS.values(),
        "13912345678",
        "王建国",
        "m=audio",
        "INVITE sip:",
        "v=0",
        "工资",
        "Traceback",
    ):
        assert secret not in log
    assert "call failed" not in log


def test_the_page_needs_somebody_signed_in(day: Day, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse battery\n")
    added = day.line.command("users", "add", "zhang", "--role", "supervisor", "--password-file", str(secret))
    assert added.returncode == 0, added.stderr
    with httpx.Client(base_url=day.line.web, trust_env=False, timeout=10) as browser:
        assert browser.get("api/v1/calls").status_code == 401
        form = {"name": "zhang", "password": "correct horse battery"}
        assert browser.post("api/v1/session", json=form).status_code == 200
        listed = browser.get("api/v1/calls").json()
        assert {row["call"] for row in listed["calls"]} == {row["id"] for row in day.line.calls()}
        found = browser.get("api/v1/calls", params={"text": "工资"}).json()
        assert len(found["calls"]) == len(CALLERS)
        assert browser.get("api/v1/calls", params={"text": "离婚"}).json()["calls"] == []
        for number in CALLERS.values():
            assert number not in json.dumps(listed)
