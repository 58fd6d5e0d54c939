"""jambonz's `listen` verb as a dialect (docs.jambonz.org, verbs, listen).

The verb needs `mixType: mono`, `passDtmf: true` and `bidirectionalAudio: {enabled, streaming: true,
sampleRate}` with the same rate both ways. Tested against a peer written from that page; not yet run against
jambonz itself.
"""

import json
from typing import Any

from hotline.gateway.pcm_door import CallStart
from hotline.gateway.pcm_leg import RATES
from hotline.gateway.pcm_socket import Key, PbxProtocolError, Stop

SUBPROTOCOL = "audio.jambonz.org"
_MOST = 32_768


class JambonzListen:
    """One `listen`."""

    def __init__(self, number: str) -> None:
        self._number = number

    @property
    def paced(self) -> bool:
        """Streamed samples are played as they come."""
        return True

    def begin(self, text: str, query: dict[str, str]) -> CallStart | None:
        """The preamble: the call's attributes, `sampleRate` and `mixType`."""
        del query
        said = read_object(text, _MOST)
        rate = said.get("sampleRate", 8000)
        if rate not in RATES:
            raise PbxProtocolError("the preamble names no sample rate that is spoken here")
        if said.get("mixType", "mono") != "mono":
            raise PbxProtocolError("mixType must be mono: each party has a leg of its own here")
        caller = str(said.get("from") or f"pbx:{said.get('callSid', '')}")[:128]
        return CallStart(caller, str(said.get("to") or self._number)[:128], int(rate), f"L16/{rate}")

    def text(self, text: str) -> Key | Stop | None:
        """`{"event": "dtmf", "dtmf": "1"}`; acknowledgements of marks do not matter."""
        said = read_object(text, _MOST)
        if said.get("event") == "dtmf":
            return Key(str(said.get("dtmf", "")))
        return None

    def hear(self, data: bytes) -> bytes:
        """Samples."""
        if len(data) % 2:
            raise PbxProtocolError("half a sample")
        return data

    def sound(self, pcm: bytes) -> list[str | bytes]:
        """One binary message."""
        return [pcm] if pcm else []

    def hush(self) -> list[str]:
        """What is queued at jambonz."""
        return [json.dumps({"type": "killAudio"})]

    def answered(self) -> list[str]:
        """The call is up when `listen` begins."""
        return []

    def hang_up(self) -> list[str]:
        """Ends the verb; the application's next verb should be `hangup`."""
        return [json.dumps({"type": "disconnect"})]


def read_object(text: str, most: int) -> dict[str, Any]:
    """A JSON object of at most `most` characters. Raises `PbxProtocolError`."""
    if len(text) > most:
        raise PbxProtocolError("message too long")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PbxProtocolError("message is no JSON") from error
    if not isinstance(said, dict):
        raise PbxProtocolError("message is no JSON object")
    return said
