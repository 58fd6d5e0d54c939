"""Asterisk's `chan_websocket` as a dialect (docs.asterisk.org, Channel Drivers, WebSocket).

Asterisk dials us: `Dial(WebSocket/hotline/c(slin16)nv(caller=…,dialled=…))`. It says MEDIA_START, sends sound
in binary messages and key presses as text, in plain words or as JSON by its configuration; we answer in kind.
Tested against a peer written from that page; not yet run against Asterisk itself.
"""

import json

import numpy as np

from hotline.gateway import g711
from hotline.gateway.pcm_door import CallStart
from hotline.gateway.pcm_socket import Key, PbxProtocolError, Stop

SUBPROTOCOL = "media"
RATES = {"ulaw": 8000, "alaw": 8000, "slin": 8000, "slin12": 12000, "slin16": 16000, "slin24": 24000,
         "slin32": 32000, "slin44": 44100, "slin48": 48000}  # fmt: skip
_LAWS: dict[str, g711.Codec] = {"ulaw": "PCMU", "alaw": "PCMA"}
_MOST = 8192


class AsteriskChannel:
    """One channel."""

    def __init__(self, number: str) -> None:
        self._number = number
        self._json = False
        self._format = "slin16"

    @property
    def paced(self) -> bool:
        """Frames of 20 ms by our clock: then nothing need be flushed when a prompt is cut short."""
        return True

    def begin(self, text: str, query: dict[str, str]) -> CallStart | None:
        """MEDIA_START; who calls comes by the URL's parameters `caller` and `dialled`."""
        event, fields = self._event(text)
        if event != "MEDIA_START":
            return None
        self._json = text.lstrip().startswith("{")
        self._format = fields.get("format", "")
        rate = RATES.get(self._format)
        if rate is None:
            raise PbxProtocolError("MEDIA_START names no format that is spoken here")
        caller = query.get("caller") or f"pbx:{fields.get('connection_id', '')[:64]}"
        codec = _LAWS.get(self._format, f"L16/{rate}")
        return CallStart(caller, query.get("dialled") or self._number, rate, codec)

    def text(self, text: str) -> Key | Stop | None:
        """Key presses; flow control and status do not matter at our pace."""
        event, fields = self._event(text)
        if event == "DTMF_END":
            return Key(fields.get("digit", ""))
        return None

    def hear(self, data: bytes) -> bytes:
        """Samples, or one byte of G.711 each."""
        law = _LAWS.get(self._format)
        if law is not None:
            return g711.decode(data, law).astype("<i2").tobytes()
        if len(data) % 2:
            raise PbxProtocolError("half a sample")
        return data

    def sound(self, pcm: bytes) -> list[str | bytes]:
        """One binary message."""
        law = _LAWS.get(self._format)
        if not pcm:
            return []
        return [pcm if law is None else g711.encode(np.frombuffer(pcm, "<i2"), law)]

    def hush(self) -> list[str]:
        """What is queued at Asterisk."""
        return [self._command("FLUSH_MEDIA")]

    def answered(self) -> list[str]:
        """Harmless when the channel answers by itself."""
        return [self._command("ANSWER")]

    def hang_up(self) -> list[str]:
        """Asterisk then closes the connection."""
        return [self._command("HANGUP")]

    def _command(self, name: str) -> str:
        return json.dumps({"command": name}) if self._json else name

    def _event(self, text: str) -> tuple[str, dict[str, str]]:
        """An event and its fields, from `NAME key:value …` or from JSON."""
        if len(text) > _MOST:
            raise PbxProtocolError("event too long")
        if text.lstrip().startswith("{"):
            try:
                said = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise PbxProtocolError("event is no JSON") from error
            fields = {str(name): str(value) for name, value in said.items()}
            return fields.pop("event", ""), fields
        words = text.split()
        pairs = (word.partition(":") for word in words[1:])
        return (words[0] if words else ""), {name: value for name, _, value in pairs}
