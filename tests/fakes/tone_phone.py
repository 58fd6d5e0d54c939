"""A telephone on plain RTP that says one tone and tells which tones it hears."""

import socket

import anyio
import numpy as np

from hotline.gateway.g711 import decode, encode, law_of
from hotline.gateway.media import Codec, Direction, MediaPlan
from hotline.gateway.rtp_session import RtpSession

PAYLOAD_TYPES: dict[Codec, int] = {"PCMA": 8, "PCMU": 0}


def tones_in(samples: np.ndarray, rate: int, hertz: tuple[float, ...], loud: float = 600) -> set[float]:
    """Which of these are in a sound, at no less than this mean amplitude (half the tone's own)."""
    at = np.arange(len(samples)) / rate
    wave = samples.astype(float)
    return {
        each for each in hertz if abs(np.exp(-2j * np.pi * each * at) @ wave) / max(1, len(samples)) > loud
    }


class Phone:
    """One end of an RTP stream: sends a tone, keeps what it hears."""

    def __init__(self, session: RtpSession, codec: Codec, hertz: float) -> None:
        self.leg = session
        self.codec, self.hertz = codec, hertz
        self.sending = True
        self.heard: list[tuple[float, bytes]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self._sent = 0
        session.configure(
            MediaPlan(self.socket.getsockname(), codec, PAYLOAD_TYPES[codec], None, Direction.SENDRECV)
        )

    async def run(self) -> None:
        with self.socket:
            await self._talk()

    async def _talk(self) -> None:
        deadline = anyio.current_time()
        while True:
            at = (np.arange(160) + 160 * self._sent) / 8000
            wave = (6000 * np.sin(2 * np.pi * self.hertz * at)).astype(np.int16)
            payload = encode(wave * self.sending, law_of(self.codec))
            number = self._sent
            header = bytes([0x80, PAYLOAD_TYPES[self.codec]])
            header += (number & 0xFFFF).to_bytes(2) + (160 * number).to_bytes(4) + int(self.hertz).to_bytes(4)
            self.socket.sendto(header + payload, self.leg.local)
            self._sent += 1
            deadline += 0.02
            await anyio.sleep_until(deadline)
            while True:
                try:
                    packet = self.socket.recv(2048)
                except BlockingIOError:
                    break
                self.heard.append((anyio.current_time(), packet[12:]))

    def tones(self, hertz: tuple[float, ...], seconds: float = 0.4) -> set[float]:
        """Which of these it has heard lately."""
        sound = b"".join(payload for _, payload in self.heard[-round(seconds * 50) :])
        samples = decode(sound, law_of(self.codec))
        return tones_in(samples, 8000, hertz)
