"""FreeSWITCH's mod_audio_fork as a dialect (drachtio-freeswitch-modules, modules/mod_audio_fork/README).

`uuid_audio_fork UUID start ws://… mono 16k {"from":"…","to":"…","sampleRate":16000}`: the metadata is sent as
the first text message. The module plays nothing by itself: it writes each `playAudio` to a file and raises an
event on which the dialplan's application plays it, so prompts go out whole. Tested against a peer written
from that page; not yet run against FreeSWITCH itself.
"""

import json
from base64 import b64encode

from hotline.gateway.pbx_jambonz import read_object
from hotline.gateway.pcm_door import CallStart
from hotline.gateway.pcm_leg import RATES
from hotline.gateway.pcm_socket import Key, PbxProtocolError, Stop

SUBPROTOCOL = "audio.drachtio.org"
_MOST = 32_768


class FreeswitchFork:
    """One fork."""

    def __init__(self, number: str) -> None:
        self._number = number
        self._rate = 8000

    @property
    def paced(self) -> bool:
        """Whole prompts: the module makes a file of each message."""
        return False

    def begin(self, text: str, query: dict[str, str]) -> CallStart | None:
        """The metadata; without `sampleRate` it is 8000, the module's own default."""
        del query
        said = read_object(text, _MOST)
        rate = said.get("sampleRate", 8000)
        if rate not in RATES:
            raise PbxProtocolError("the metadata names no sample rate that is spoken here")
        self._rate = int(rate)
        caller = str(said.get("from") or f"pbx:{said.get('callid', '')}")[:128]
        return CallStart(caller, str(said.get("to") or self._number)[:128], self._rate, f"L16/{rate}")

    def text(self, text: str) -> Key | Stop | None:
        """What `uuid_audio_fork … send_text` sends: `{"event": "dtmf", "dtmf": "1"}`, `{"event": "stop"}`."""
        said = read_object(text, _MOST)
        if said.get("event") == "dtmf":
            return Key(str(said.get("dtmf", "")))
        return Stop() if said.get("event") == "stop" else None

    def hear(self, data: bytes) -> bytes:
        """Samples."""
        if len(data) % 2:
            raise PbxProtocolError("half a sample")
        return data

    def sound(self, pcm: bytes) -> list[str | bytes]:
        """One `playAudio`."""
        if not pcm:
            return []
        data = {
            "audioContentType": "raw",
            "sampleRate": self._rate,
            "audioContent": b64encode(pcm).decode("ascii"),
        }
        return [json.dumps({"type": "playAudio", "data": data})]

    def hush(self) -> list[str]:
        """Stop the file that is playing."""
        return [json.dumps({"type": "killAudio"})]

    def answered(self) -> list[str]:
        """The channel is answered by the dialplan."""
        return []

    def hang_up(self) -> list[str]:
        """The module raises an event on which the application hangs up."""
        return [json.dumps({"type": "disconnect"})]
