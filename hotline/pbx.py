"""Opens the doors that PBXs come in by: which protocols, on which ports."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from hotline.gateway import pbx_asterisk, pbx_freeswitch, pbx_jambonz
from hotline.gateway.audiosocket import open_audiosocket
from hotline.gateway.pcm_door import PcmDoor
from hotline.gateway.pcm_socket import DialectMaker, open_pcm_socket
from hotline.gateway_settings import PbxSettings
from hotline.wiring import listening

DIALECTS: dict[str, DialectMaker] = {
    pbx_asterisk.SUBPROTOCOL: pbx_asterisk.AsteriskChannel,
    pbx_jambonz.SUBPROTOCOL: pbx_jambonz.JambonzListen,
    pbx_freeswitch.SUBPROTOCOL: pbx_freeswitch.FreeswitchFork,
}
"""WebSocket subprotocol → who speaks it. A PBX more is a file and a line here."""


@asynccontextmanager
async def pbx_doors(settings: PbxSettings, number: str) -> AsyncIterator[PcmDoor | None]:
    """The door for PBXs while the context lasts; None when every port is shut.

    `number`: what counts as dialled when a PBX does not say. Raises `ConfigError` when a port is taken.
    """
    if settings.audiosocket_port is None and settings.websocket_port is None:
        yield None
        return
    door = PcmDoor(settings, number)
    host = settings.host
    async with AsyncExitStack() as stack:
        if (port := settings.audiosocket_port) is not None:
            with listening("pbx.audiosocket_port", host, port):
                await stack.enter_async_context(open_audiosocket(door, host, port))
        if (port := settings.websocket_port) is not None:
            with listening("pbx.websocket_port", host, port):
                await stack.enter_async_context(open_pcm_socket(door, DIALECTS, host, port))
        yield door
