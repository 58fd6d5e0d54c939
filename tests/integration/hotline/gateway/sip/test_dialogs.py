"""Inside dialogs: reliable answers, UPDATE, session timers, hold, transfer, Replaces."""

import re

import anyio
import pytest

from hotline.conversation import EndCause
from hotline.gateway.sip.exchange import OfferRefused
from hotline.gateway.sip.leg import SipLeg
from hotline.gateway.sip.refer import TransferFailed
from tests.fakes.sip_line import OFFER, SDP, Line, Peer, line, peer, settled

pytestmark = [pytest.mark.integration, pytest.mark.anyio]


def field(message: str, name: str) -> str:
    found = re.search(rf"(?mi)^{name}: ([^\r]*)\r$", message)
    assert found is not None, name
    return found[1]


def body(message: str) -> str:
    return message.partition("\r\n\r\n")[2]


async def reply(caller: Peer, request: str, status: str, fields: str = "", text: str = "") -> None:
    """Answer a request of the line's."""
    copied = "".join(
        f"{name}: {field(request, name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")
    )
    await caller.raw(
        f"SIP/2.0 {status}\r\n{copied}{fields}Content-Length: {len(text)}\r\n\r\n{text}".encode()
    )


async def ack(caller: Peer, cseq: int = 1) -> None:
    await caller.send("ACK", cseq=cseq, branch=f"z9hG4bKack{cseq}")


async def leg_of(made: Line) -> SipLeg:
    await settled(lambda: len(made.endpoint._calls.legs) == 1)
    return next(iter(made.endpoint._calls.legs.values()))


# -- reliable provisional answers (RFC 3262) ---------------------------------------------------------------


async def test_reliable_ringing_waits_for_prack_before_the_answer() -> None:
    async with line() as made, peer(made) as caller:
        await caller.send("INVITE", fields=f"Require: 100rel\r\n{SDP}", body=OFFER)
        ringing = await caller.until("SIP/2.0 180")
        assert field(ringing, "Require") == "100rel"
        again = await caller.until("SIP/2.0 180")  # repeated until acknowledged, and no 200 comes
        assert field(again, "RSeq") == field(ringing, "RSeq")
        caller.learn(ringing)
        rseq = field(ringing, "RSeq")
        await caller.send("PRACK", cseq=2, fields=f"RAck: {rseq} 2 INVITE\r\n")  # of another INVITE
        assert (await caller.until("SIP/2.0 481")) != ""
        await caller.send("PRACK", cseq=3, fields="RAck: nonsense\r\n")
        assert (await caller.until("SIP/2.0 400")) != ""
        await caller.send("PRACK", cseq=4, fields=f"RAck: {rseq} 1 INVITE\r\n")
        text = await caller.until("SIP/2.0 200")
        if "INVITE" not in field(text, "CSeq"):
            text = await caller.until("SIP/2.0 200")
        assert field(text, "CSeq") == "1 INVITE"
        await ack(caller)
        await caller.send("BYE", cseq=5)
        await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])


async def test_reliable_answer_that_nobody_acknowledges_ends_the_call() -> None:
    async with line() as made, peer(made) as caller:
        await caller.send("INVITE", fields=f"Require: 100rel\r\n{SDP}", body=OFFER)
        assert (await caller.until("SIP/2.0 504")).startswith("SIP/2.0 504")
        assert made.causes == [None]


async def test_who_supports_100rel_gets_a_plain_180() -> None:
    async with line("let_ring") as made, peer(made) as caller:
        await caller.send("INVITE", fields=f"Supported: 100rel\r\n{SDP}", body=OFFER)
        assert "RSeq" not in await caller.until("SIP/2.0 180")
        assert len(made.calls) == 1


async def early(made: Line, sounds: list[str]) -> None:
    async for call in made.endpoint.incoming():
        made.calls.append(call)
        sound = await call.progress()
        sounds.append("" if sound is None else "early")
        await anyio.sleep(0.3)
        await call.answer()


@pytest.mark.parametrize("supported", [False, True])
async def test_early_media(supported: bool) -> None:
    sounds: list[str] = []
    async with line("nothing") as made, peer(made) as caller, anyio.create_task_group() as tasks:
        tasks.start_soon(early, made, sounds)
        fields = f"Supported: 100rel\r\n{SDP}" if supported else SDP
        await caller.send("INVITE", fields=fields, body=OFFER)
        progress = await caller.until("SIP/2.0 183")
        assert "m=audio" in body(progress)
        caller.learn(progress)
        assert len(made.media.sessions[0].plans) == 1
        if supported:
            rack = f"RAck: {field(progress, 'RSeq')} 1 INVITE\r\n"
            await caller.send("PRACK", cseq=2, fields=rack)
            await caller.until("SIP/2.0 200")
            # The early session may be changed before the call is answered (RFC 3311).
            await caller.send("UPDATE", cseq=3, fields=SDP, body=OFFER.replace("4000", "4002"))
            assert "m=audio" in body(await caller.until("SIP/2.0 200"))
            assert made.media.sessions[0].plans[-1].remote == ("127.0.0.1", 4002)
        answer = await caller.until("SIP/2.0 200")
        while field(answer, "CSeq") != "1 INVITE":
            answer = await caller.until("SIP/2.0 200")
        assert "m=audio" in body(answer)
        assert len(made.media.sessions) == 1  # the same session goes on
        assert sounds == ["early"]
        await ack(caller)
        tasks.cancel_scope.cancel()


async def test_caller_who_gives_up_during_early_media_leaves_no_ports() -> None:
    async with line("nothing") as made, peer(made) as caller, anyio.create_task_group() as tasks:

        async def app() -> None:
            async for call in made.endpoint.incoming():
                await call.progress()

        tasks.start_soon(app)
        await caller.send("INVITE", fields=SDP, body=OFFER)
        await caller.until("SIP/2.0 183")
        await caller.send("CANCEL", branch="z9hG4bKINVITE1", tag="")
        await caller.until("SIP/2.0 487")
        await settled(lambda: made.media.sessions[0].closed == 1)
        tasks.cancel_scope.cancel()


async def test_update_before_there_is_a_session_must_wait() -> None:
    async with line("let_ring") as made, peer(made) as caller:
        await caller.send("INVITE", fields=SDP, body=OFFER)
        caller.learn(await caller.until("SIP/2.0 180"))
        await caller.send("UPDATE", cseq=2, fields=SDP, body=OFFER)
        assert field(await caller.until("SIP/2.0 500"), "Retry-After")
        await caller.send("UPDATE", cseq=3)
        assert field(await caller.until("SIP/2.0 200"), "CSeq") == "3 UPDATE"
        assert len(made.calls) == 1


async def test_we_acknowledge_reliable_answers_of_others() -> None:
    """Ours calls ours, whose application sends early media reliably."""
    sounds: list[str] = []
    async with line("nothing") as made, line() as other, anyio.create_task_group() as tasks:
        tasks.start_soon(early, made, sounds)
        leg = await other.endpoint.dial(made.uri)
        assert len(other.media.sessions[0].plans) >= 1
        assert leg.peer_allows >= {"PRACK", "UPDATE"}
        await leg.hangup()
        tasks.cancel_scope.cancel()


# -- UPDATE and re-INVITE ----------------------------------------------------------------------------------


async def test_update_changes_the_session() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        held = OFFER + "a=sendonly\r\n"
        await caller.send("UPDATE", cseq=2, fields=SDP, body=held)
        answer = await caller.until("SIP/2.0 200")
        assert "a=recvonly" in body(answer)
        assert made.media.sessions[0].plans[-1].direction == "recvonly"
        await caller.send("UPDATE", cseq=3)
        assert body(await caller.until("SIP/2.0 200")) == ""


async def test_hold_with_music_and_resume() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        leg = await leg_of(made)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leg.hold, bytes(640))
            offer = await caller.until("INVITE ")
            assert "a=sendonly" in body(offer)
            await reply(caller, offer, "200 OK", SDP, OFFER + "a=recvonly\r\n")
            assert (await caller.until("ACK ")) != ""
        assert made.media.sessions[0].plans[-1].direction == "sendonly"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leg.resume)
            offer = await caller.until("INVITE ")
            assert "a=sendrecv" in body(offer)
            await reply(caller, offer, "200 OK", SDP, OFFER)
            await caller.until("ACK ")
        assert made.media.sessions[0].plans[-1].direction == "sendrecv"


async def test_refused_hold_leaves_the_call_as_it_was() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        leg = await leg_of(made)

        async def hold() -> None:
            with pytest.raises(OfferRefused):
                await leg.hold(b"")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold)
            await reply(caller, await caller.until("INVITE "), "488 Not Acceptable Here")
        assert not leg.over
        assert made.media.sessions[0].plans[-1].direction == "sendrecv"


async def test_offers_that_meet_are_made_again() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        leg = await leg_of(made)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leg.hold, b"")
            offer = await caller.until("INVITE ")
            await caller.send("INVITE", cseq=2, fields=SDP, body=OFFER)  # ours is pending
            assert (await caller.until("SIP/2.0 491")) != ""
            await caller.send("ACK", cseq=2, branch="z9hG4bKINVITE2")
            await reply(caller, offer, "491 Request Pending")
            again = await caller.until("INVITE ")
            while field(again, "CSeq") == field(offer, "CSeq"):
                again = await caller.until("INVITE ")
            await reply(caller, again, "200 OK", SDP, OFFER)
            await caller.until("ACK ")
        assert not leg.over


# -- session timers (RFC 4028) -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected", "required"),
    [
        ("", "1800;refresher=uas", False),  # the peer knows no timers: we refresh
        ("Supported: timer\r\n", "1800;refresher=uac", True),
        ("Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uac", True),
        ("Supported: timer\r\nx: 600;refresher=uas\r\n", "600;refresher=uas", False),
        ("Supported: timer\r\nSession-Expires: 3600\r\nMin-SE: 2000\r\n", "2000;refresher=uac", True),
    ],
)
async def test_timer_is_settled(fields: str, expected: str, required: bool) -> None:
    async with line() as made, peer(made) as caller:
        await caller.send("INVITE", fields=fields + SDP, body=OFFER)
        answer = await caller.until("SIP/2.0 200")
        assert field(answer, "Session-Expires") == expected
        assert ("Require: timer" in answer) is required
        assert made.endpoint.stats.faults == 0


async def test_interval_too_small() -> None:
    async with line() as made, peer(made) as caller:
        await caller.send("INVITE", fields=f"Supported: timer\r\nSession-Expires: 60\r\n{SDP}", body=OFFER)
        assert field(await caller.until("SIP/2.0 422"), "Min-SE") == "90"
        assert not made.calls


async def test_session_nobody_refreshes_ends_with_bye() -> None:
    async with line(min_se_s=1) as made, peer(made) as caller:
        fields = f"Supported: timer\r\nSession-Expires: 1;refresher=uac\r\n{SDP}"
        await caller.send("INVITE", fields=fields, body=OFFER)
        caller.learn(await caller.until("SIP/2.0 200"))
        await ack(caller)
        await reply(caller, await caller.until("BYE "), "200 OK")
        await settled(lambda: made.causes == [EndCause.MEDIA_TIMEOUT])


@pytest.mark.parametrize("allow", ["", "Allow: INVITE, ACK, BYE, UPDATE\r\n"])
async def test_we_refresh_by_update_or_invite(allow: str) -> None:
    async with line(min_se_s=1) as made, peer(made) as caller:
        fields = f"{allow}Supported: timer\r\nSession-Expires: 1;refresher=uas\r\n{SDP}"
        await caller.send("INVITE", fields=fields, body=OFFER)
        caller.learn(await caller.until("SIP/2.0 200"))
        await ack(caller)
        for _ in range(2):
            refresh = await caller.until("UPDATE " if allow else "INVITE ")
            if allow:
                assert field(refresh, "Session-Expires") == "1;refresher=uac"
                await reply(caller, refresh, "200 OK", "Session-Expires: 1;refresher=uac\r\n")
            else:
                await reply(caller, refresh, "200 OK", SDP, OFFER)
                await caller.until("ACK ")
        assert made.causes == []


async def test_peer_that_has_forgotten_the_dialog_ends_it() -> None:
    async with line(min_se_s=1) as made, peer(made) as caller:
        allow = "Allow: UPDATE\r\nSupported: timer\r\nSession-Expires: 1;refresher=uas\r\n"
        await caller.send("INVITE", fields=allow + SDP, body=OFFER)
        caller.learn(await caller.until("SIP/2.0 200"))
        await ack(caller)
        await reply(caller, await caller.until("UPDATE "), "481 Call/Transaction Does Not Exist")
        await settled(lambda: made.causes == [EndCause.TRANSPORT])


async def test_our_call_asks_again_with_a_longer_timer() -> None:
    async with line(min_se_s=900) as made, line(session_expires_s=120) as other:
        leg = await other.endpoint.dial(made.uri)
        await leg.hangup()
        await settled(lambda: made.causes == [EndCause.REMOTE_HANGUP])


# -- transfer ----------------------------------------------------------------------------------------------


async def test_nobody_sends_us_anywhere_by_default() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        await caller.send("REFER", cseq=2, fields="Refer-To: <sip:0088@10.0.0.1>\r\n")
        assert (await caller.until("SIP/2.0 603")) != ""
        await caller.send("REFER", cseq=3)
        assert (await caller.until("SIP/2.0 400")) != ""
        await caller.send("NOTIFY", cseq=4, fields="Event: refer\r\n")
        assert (await caller.until("SIP/2.0 481")) != ""
        await caller.send("NOTIFY", cseq=5, fields="Event: presence\r\n")
        assert (await caller.until("SIP/2.0 489")) != ""
        assert made.causes == []


async def test_refer_that_policy_takes_is_told_of() -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        leg, asked = await leg_of(made), list[str]()
        leg.on_refer = lambda uri: not asked.append(uri)  # type: ignore[func-returns-value]
        await caller.send("REFER", cseq=2, fields="Refer-To: <sip:12345@127.0.0.1>\r\n")
        assert (await caller.until("SIP/2.0 202")) != ""
        notify = await caller.until("NOTIFY ")
        assert body(notify) == "SIP/2.0 100 Trying\r\n"
        await reply(caller, notify, "200 OK")
        leg.tell_referrer(200, "OK")
        notify = await caller.until("NOTIFY ")
        assert field(notify, "Subscription-State").startswith("terminated")
        assert asked == ["sip:12345@127.0.0.1"]


@pytest.mark.parametrize("status", [200, 486])
async def test_we_transfer_a_caller(status: int) -> None:
    async with line() as made, peer(made) as caller:
        await caller.call()
        await ack(caller)
        leg, outcome = await leg_of(made), list[int]()

        async def transfer() -> None:
            try:
                await leg.refer("sip:12345@127.0.0.1", replaces="c1;to-tag=a;from-tag=b")
            except TransferFailed as error:
                outcome.append(error.status)
            else:
                outcome.append(200)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transfer)
            refer = await caller.until("REFER ")
            assert field(refer, "Refer-To") == "<sip:12345@127.0.0.1?Replaces=c1%3Bto-tag%3Da%3Bfrom-tag%3Db>"
            await reply(caller, refer, "202 Accepted")
            for cseq, (said, state) in enumerate(
                [("100 Trying", "active"), (f"{status} Whatever", "terminated")], 2
            ):
                fields = f"Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag\r\n"
                await caller.send("NOTIFY", cseq=cseq, fields=fields, body=f"SIP/2.0 {said}\r\n")
                assert (await caller.until("SIP/2.0 200")) != ""
        assert outcome == [status]
        assert not leg.over


async def test_replaces_takes_the_place_of_a_call() -> None:
    async with line() as made, peer(made) as first, peer(made) as second:
        await first.call()
        await ack(first)
        leg = await leg_of(made)
        call_id, ours, theirs = leg.dialog.ident
        for cseq, (wrong, status) in enumerate(
            [("x;to-tag=a;from-tag=b", "481"), (f"{call_id};to-tag={ours}", "400")], 5
        ):
            await second.send("INVITE", cseq=cseq, fields=f"Replaces: {wrong}\r\n{SDP}", body=OFFER)
            assert (await second.until("SIP/2.0 4")).startswith(f"SIP/2.0 {status}")
            await second.send("ACK", cseq=cseq, branch=f"z9hG4bKINVITE{cseq}")
        early_only = f"Replaces: {call_id};to-tag={ours};from-tag={theirs};early-only\r\n"
        await second.send("INVITE", cseq=7, fields=early_only + SDP, body=OFFER)
        assert (await second.until("SIP/2.0 486")) != ""
        await second.send(
            "INVITE",
            cseq=8,
            fields=f"Replaces: {call_id};to-tag={ours};from-tag={theirs}\r\n{SDP}",
            body=OFFER,
        )
        await second.until("SIP/2.0 200")
        assert (await first.until("BYE ")) != ""
        assert leg.over
