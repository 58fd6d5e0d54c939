"""Coverage-guided fuzzing of everything the gateway reads from the wire (atheris, on top of libFuzzer).

    pip install atheris                              # Linux, Python 3.11 to 3.13
    python scripts/fuzz_gateway.py [TARGET …] [--seconds 60]

Each target runs in a process of its own. A target fails when anything but our own wire errors comes out, and
prints the input that did it; the corpus starts from well-formed examples, and from RFC 4475's messages when
the optional folder of evaluation data lies beside the checkout.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
TORTURE = ROOT.parent / "shared" / "data" / "torture" / "rfc4475"

INVITE = b"\r\n".join(
    [
        b"INVITE sip:12348@127.0.0.1 SIP/2.0",
        b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport",
        b'From: "A" <sip:a@10.0.0.1>;tag=1',
        b"To: <sip:12348@127.0.0.1>",
        b"Call-ID: c",
        b"CSeq: 1 INVITE",
        b"Contact: <sip:a@10.0.0.1>;q=0.5",
        b"Record-Route: <sip:p;lr>, <sip:q>",
        b"Session-Expires: 90;refresher=uac",
        b"Require: 100rel",
        b"Replaces: c;to-tag=a;from-tag=b",
        b"Content-Length: 5",
        b"",
        b"v=0\r\n",
    ]
)
SDP = b"\r\n".join(
    [
        b"v=0",
        b"o=- 1 1 IN IP4 10.0.0.1",
        b"s=-",
        b"c=IN IP4 10.0.0.1",
        b"t=0 0",
        b"m=audio 4000 RTP/SAVP 8 0 9 96 101",
        b"a=rtpmap:96 opus/48000/2",
        b"a=fmtp:101 0-15",
        b"a=rtpmap:101 telephone-event/8000",
        b"a=sendonly",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20",
        b"a=rtcp:4001",
        b"a=rtcp-mux",
        b"a=fingerprint:sha-256 AA:BB",
        b"a=ice-ufrag:abcd",
        b"a=ice-pwd:0123456789012345678901",
        b"",
    ]
)
RTP = bytes.fromhex("9008000100000001000000010001000200000000") + bytes(20)
RTCP = bytes.fromhex("81c90007000000010000000200000000000000010000000000000000000000000000")
STUN = bytes.fromhex("000100002112a442") + bytes(12)
DIGEST = (
    b'Digest username="a", realm="r", nonce="n", uri="sip:a", response="x", qop=auth, nc=00000001, cnonce="c"'
)


def sip_message(data: bytes) -> None:
    """A datagram, and what is read of it later."""
    from hotline.gateway.sip import session_timer
    from hotline.gateway.sip.dialog import Dialog
    from hotline.gateway.sip.grammar import SipSyntaxError
    from hotline.gateway.sip.message import BadMessage, Request, parse
    from hotline.gateway.sip.refer import ReplacesHeader, target_of
    from hotline.gateway.sip.reliable import rack_of
    from hotline.gateway.sip.session_timer import TimerPolicy

    try:
        message = parse(data)
    except BadMessage:
        return
    message.encode()
    if isinstance(message, Request):
        message.stamped("10.0.0.1", 5060).encode()
        readers: tuple[Callable[[], object], ...] = (
            lambda: Dialog.as_uas(message, "t"),
            lambda: session_timer.judge(message, TimerPolicy()),
            lambda: rack_of(message),
            lambda: target_of(message),
            lambda: ReplacesHeader.parse(message.headers.get("Replaces") or ""),
        )
        for read in readers:
            try:
                read()
            except SipSyntaxError:
                continue


def sip_stream(data: bytes) -> None:
    """The same over TCP, cut in two."""
    from hotline.gateway.sip.message import BadMessage, parse
    from hotline.gateway.sip.stream import StreamParser

    parser = StreamParser()
    for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
        try:
            parser.add(piece)
            while (message := parser.take()) is not None:
                parse(message, stream=True)
        except BadMessage:
            return


def sdp(data: bytes) -> None:
    """A session description, answered; and a browser's."""
    from hotline.gateway import webrtc_sdp
    from hotline.gateway.sip.negotiation import MediaPolicy, Negotiation, NothingInCommon
    from hotline.gateway.sip.sdp import SdpSyntaxError

    policy = MediaPolicy(("PCMA", "PCMU", "G722", "OPUS"), "allow")
    for read in (
        lambda: Negotiation("10.0.0.2", 1, policy).answer(data, 4000),
        lambda: webrtc_sdp.read(data, ("OPUS", "PCMA", "PCMU")),
    ):
        try:
            read()
        except (SdpSyntaxError, NothingInCommon):
            continue


def digest(data: bytes) -> None:
    """Credentials and challenges."""
    from hotline.gateway.sip.auth import Authenticator, answer_challenge, ha1, username_of

    text = data.decode("utf-8", "replace")
    users = Authenticator("r", {("a", "MD5"): ha1("MD5", "a", "r", "p")})
    users.check(text, "INVITE", "sip:a", 1.0, "192.0.2.1")
    users.challenged(text, "192.0.2.1")
    username_of(text)
    answer_challenge((text,), "INVITE", "sip:a", "a", "p")


def media(data: bytes) -> None:
    """RTP into a leg's receiver, RTCP, Opus."""
    from hotline.gateway import opus, rtcp, rtp
    from hotline.gateway.media import Direction, MediaPlan
    from hotline.gateway.rtp_receive import Receiver

    receiver = Receiver(0.06)
    receiver.configure(MediaPlan(("10.0.0.1", 4000), "PCMA", 8, 101, Direction.SENDRECV), anew=True)
    for at in range(0, len(data), 40):
        try:
            receiver.push(rtp.parse(data[at : at + 40]), at * 0.001)
        except rtp.RtpSyntaxError:
            continue
        receiver.pull(at * 0.001)
    with suppress(rtcp.RtcpSyntaxError):
        rtcp.parse(data)
    opus.samples_of(data)


def stun(data: bytes) -> None:
    """Both uses of STUN."""
    from hotline.gateway import webrtc_stun
    from hotline.gateway.sip.stun import answer

    answer(data, ("10.0.0.1", 5060))
    try:
        webrtc_stun.parse(data).signed_with("password")
    except webrtc_stun.StunSyntaxError:
        return


def pbx(data: bytes) -> None:
    """AudioSocket framing and the WebSocket dialects' words."""
    from hotline.gateway.audiosocket import Messages
    from hotline.gateway.pcm_socket import PbxProtocolError
    from hotline.pbx import DIALECTS

    Messages().feed(data)
    text = data.decode("utf-8", "replace")
    for make in DIALECTS.values():
        dialect = make("12348")
        for read in (lambda: dialect.begin(text, {}), lambda: dialect.text(text), lambda: dialect.hear(data)):  # noqa: B023
            try:
                read()
            except PbxProtocolError:
                continue


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "sip_message": (sip_message, (INVITE,)),
    "sip_stream": (sip_stream, (INVITE, b"\r\n\r\n" + INVITE)),
    "sdp": (sdp, (SDP,)),
    "digest": (digest, (DIGEST,)),
    "media": (media, (RTP, RTCP)),
    "stun": (stun, (STUN,)),
    "pbx": (
        pbx,
        (b"\x01\x00\x10" + bytes(16), b'{"from": "1", "sampleRate": 8000}', b"MEDIA_START format:ulaw"),
    ),
}


def run_one(name: str, seconds: int) -> None:
    """This process becomes the fuzzer of one target."""
    import atheris

    function, seeds = TARGETS[name]
    with atheris.instrument_imports(include=["hotline"]):
        for seed in seeds:
            function(seed)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder)
        for number, seed in enumerate(seeds):
            (corpus / str(number)).write_bytes(seed)
        if name.startswith("sip") and TORTURE.is_dir():
            for path in TORTURE.glob("*.dat"):
                (corpus / path.name).write_bytes(path.read_bytes())
        options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=5", "-print_final_stats=1"]
        options.append(f"-artifact_prefix={tempfile.gettempdir()}/")
        atheris.Setup([sys.argv[0], *options, folder], function)
        atheris.Fuzz()


def main() -> int:
    """Run each target in a child and say how it went."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="default: all")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if asked.child:
        run_one(asked.targets[0], asked.seconds)
        return 0
    worst = 0
    for name in asked.targets or TARGETS:
        command = [sys.executable, __file__, name, "--child", "--seconds", str(asked.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        runs = [row for row in done.stderr.splitlines() if "number_of_executed_units" in row]
        verdict = "ok" if done.returncode == 0 else "FAILED"
        print(f"{name:12} {verdict:7} {runs[-1].split()[-1] if runs else 0} inputs")
        if done.returncode:
            worst = 1
            print(done.stderr[-3000:])
    return worst


if __name__ == "__main__":
    sys.exit(main())
