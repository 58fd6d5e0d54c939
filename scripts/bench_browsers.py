"""Browsers for the WebRTC bench: ICE, DTLS and SRTP by hand, sound encoded beforehand, little CPU each."""

import asyncio
import re
import secrets
import socket
import struct
import time
from multiprocessing.connection import Connection

import numpy as np

from hotline.gateway import webrtc_stun as stun
from hotline.gateway.opus import OpusEncoder
from hotline.gateway.webrtc_dtls import Certificate, Dtls
from scripts.bench_parts import received

STEPS_A_SECOND = 50
_HEADER = struct.Struct("!BBHII")
_GROUPS = 10
"""Parts of a 20 ms step, so that packets do not come in one heap."""
_CHECK_EVERY = 2 * STEPS_A_SECOND
_CONNECT_S = 20.0
_CANDIDATE = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", re.MULTILINE | re.IGNORECASE)


def voice() -> list[bytes]:
    """A second of Opus, 20 ms a packet, of a sound with a voice's pitch, formants and pauses."""
    at = np.arange(16_000) / 16_000
    pitch = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 1.5 * at)) / 16_000
    sound = sum(np.sin(order * pitch) / (1 + abs(order * 140 - 600) / 300) for order in range(1, 24))
    loud = np.clip(np.sin(2 * np.pi * 2.0 * at) + 0.6, 0, 1)
    noise = np.random.default_rng(1).normal(size=16_000) * 0.1
    pcm = (4000 * loud * (sound + noise)).clip(-32_000, 32_000).astype("<i2").tobytes()
    encoder = OpusEncoder()
    return [encoder.encode(pcm[start : start + 640]) for start in range(0, len(pcm), 640)]


class Browser:
    """One browser: offers audio, connects by the answer, sends packets it is given."""

    def __init__(self, host: str, certificate: Certificate, *, listens: bool, g711: bool = False) -> None:
        """`listens`: it wants to hear us too; `g711`: it speaks PCMA, else Opus."""
        self._certificate = certificate
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self._host = host
        self._listens = listens
        self._kind, self._step, self._codec = (8, 160, "PCMA/8000") if g711 else (111, 960, "opus/48000/2")
        self._ufrag, self._password = secrets.token_hex(4), secrets.token_hex(16)
        self.ssrc = secrets.randbits(31)
        self._dtls: Dtls | None = None
        self._far: tuple[str, int] = (host, 9)
        self._far_ufrag = self._far_password = ""
        self._path = False

    def offer(self) -> str:
        """The description that asks for a call."""
        port = self._socket.getsockname()[1]
        kind, value = self._certificate.fingerprint
        lines = (
            "v=0", f"o=- {self.ssrc} 1 IN IP4 {self._host}", "s=-", "t=0 0", "a=group:BUNDLE 0",
            f"m=audio {port} UDP/TLS/RTP/SAVPF {self._kind}", f"c=IN IP4 {self._host}",
            "a=sendrecv" if self._listens else "a=sendonly", "a=mid:0", "a=rtcp-mux",
            f"a=ssrc:{self.ssrc} cname:bench", f"a=rtpmap:{self._kind} {self._codec}",
            f"a=fmtp:{self._kind} minptime=20;useinbandfec=1", f"a=ice-ufrag:{self._ufrag}",
            f"a=ice-pwd:{self._password}", f"a=fingerprint:{kind} {value}", "a=setup:actpass",
            f"a=candidate:1 1 udp 2130706431 {self._host} {port} typ host", "a=end-of-candidates",
        )  # fmt: skip
        return "".join(f"{line}\r\n" for line in lines)

    def connect(self, answer: str) -> None:
        """Take the answer and begin to check the path."""
        text = answer.replace("\r\n", "\n")
        found = [(host, int(port)) for host, port in _CANDIDATE.findall(text)]
        self._far = next((each for each in found if each[0] == self._host), found[0])
        self._far_ufrag, self._far_password = _one(text, "ice-ufrag"), _one(text, "ice-pwd")
        prints = tuple(
            (kind, value) for kind, value in re.findall(r"^a=fingerprint:(\S+) (\S+)$", text, re.MULTILINE)
        )
        self._dtls = Dtls(self._certificate, prints, self._send, client=_one(text, "setup") == "passive")
        self.check()

    @property
    def ready(self) -> bool:
        """Packets can flow."""
        return self._dtls is not None and self._dtls.srtp is not None

    def check(self) -> None:
        """Ask whether the path works; keeps consent fresh too."""
        self._send(stun.check(f"{self._far_ufrag}:{self._ufrag}", self._far_password, nominate=True))

    def retry(self) -> None:
        """Repeat what got lost on the way to `ready`."""
        if not self._path:
            self.check()
        elif self._dtls is not None and (wait := self._dtls.wait()) is not None and wait <= 0:
            self._dtls.retry()

    def read(self) -> None:
        """Answer checks, go on with the handshake; sound that comes is thrown away."""
        while True:
            try:
                data, source = self._socket.recvfrom(2048)
            except OSError:
                return
            if stun.is_stun(data):
                self._checked(data, source)
            elif self._dtls is not None and 19 < data[0] < 64:
                self._dtls.receive(data)

    def _checked(self, data: bytes, source: tuple[str, int]) -> None:
        if data[:2] == b"\x01\x01":
            self._path = True
            if self._dtls is not None:
                self._dtls.start()
        elif data[:2] == b"\x00\x01":
            self._send(stun.success(stun.parse(data), source, self._password), source)

    def say(self, payload: bytes, step: int) -> None:
        """Send the packet of one 20 ms step."""
        if self._dtls is not None and self._dtls.srtp is not None:
            head = _HEADER.pack(0x80, self._kind, step & 0xFFFF, self._step * step & 0xFFFF_FFFF, self.ssrc)
            self._send(self._dtls.srtp.protect(head + payload))

    def close(self) -> None:
        """Say goodbye."""
        if self._dtls is not None:
            self._dtls.close()
        self._socket.close()

    def _send(self, data: bytes, far: tuple[str, int] | None = None) -> None:
        try:
            self._socket.sendto(data, far or self._far)
        except OSError:
            return


async def browse(pipe: Connection, host: str, legs: int, listens: bool) -> None:
    """The generator's process: sends offers, takes answers, tells when all are through, talks until told."""
    certificate = Certificate()
    browsers = [Browser(host, certificate, listens=listens) for _ in range(legs)]
    pipe.send([browser.offer() for browser in browsers])
    answers: list[str] = await received(pipe)
    for browser, answer in zip(browsers, answers, strict=True):
        browser.connect(answer)
    pipe.send(await through(browsers))
    _speak(browsers, pipe)
    for browser in browsers:
        browser.close()


def _speak(browsers: list[Browser], pipe: Connection) -> None:
    packets = voice()
    began, step = time.perf_counter(), 0
    while not pipe.poll():
        for group in range(_GROUPS):
            due = began + (step + group / _GROUPS) / STEPS_A_SECOND
            while (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            for browser in browsers[group::_GROUPS]:
                browser.say(packets[step % len(packets)], step)
                browser.read()
                if (step + group) % _CHECK_EVERY == 0:
                    browser.check()
        step += 1


async def through(browsers: list[Browser]) -> int:
    """How many got through in time."""
    until, again = time.perf_counter() + _CONNECT_S, 0.0
    while not all(browser.ready for browser in browsers) and time.perf_counter() < until:
        for browser in browsers:
            browser.read()
            if time.perf_counter() > again and not browser.ready:
                browser.retry()
        if time.perf_counter() > again:
            again = time.perf_counter() + 0.25
        await asyncio.sleep(0.002)
    return sum(browser.ready for browser in browsers)


def _one(text: str, name: str) -> str:
    found = re.search(rf"^a={name}:(\S+)", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"an answer without {name}")
    return found[1]
