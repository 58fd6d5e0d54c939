"""A gateway with hardly any file descriptors; says on stdout where it listens, and each call it answers."""

import resource
import sys

import anyio
import uvloop

from hotline.errors import CallAborted
from hotline.gateway.media import IncomingCall
from hotline.gateway.rtp_session import MediaEngine
from hotline.gateway.sip.endpoint import SipEndpoint
from hotline.gateway_settings import MediaSettings, SipSettings


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def take(call: IncomingCall) -> None:
    try:
        leg = await call.answer()
    except CallAborted:
        say("refused")
        return
    say("answered")
    async for _ in leg.inputs():
        pass
    say("ended")


async def main() -> None:
    sip = SipSettings(port=0, connections_per_source=1_000)
    media = MediaSettings(port_min=25_000, port_max=25_098)
    async with (
        MediaEngine.open("127.0.0.1", media) as engine,
        SipEndpoint.open(sip, engine) as endpoint,
        anyio.create_task_group() as tasks,
    ):
        say(str(endpoint.port))
        async for call in endpoint.incoming():
            tasks.start_soon(take, call)


if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    uvloop.run(main())
