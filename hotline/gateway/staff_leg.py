"""The browser of an agent or a supervisor as a leg: its page's offer in, our answer out."""

import secrets
from collections.abc import Sequence

from asr.audio import LegId
from hotline.errors import HotlineError
from hotline.gateway import webrtc_sdp
from hotline.gateway.sip.negotiation import NothingInCommon
from hotline.gateway.sip.sdp import SdpSyntaxError
from hotline.gateway.web_door import MAX_OFFER, WebLeg, WebPorts


class OfferRefused(HotlineError):
    """A page's offer cannot be answered."""

    code = "gateway.offer_refused"


async def open_staff_leg(
    ports: WebPorts,
    offer: bytes,
    codecs: Sequence[webrtc_sdp.WebCodec],
    prefer: webrtc_sdp.WebCodec = "PCMA",
) -> tuple[WebLeg, bytes]:
    """The leg and our answer, which is `prefer` when it is among `codecs` and the browser has it.

    A telephone's G.711 then goes to the agent and back as it came: nothing is decoded, and an SRTP packet is
    all that is paid for. Raises `OfferRefused` for an offer that is broken or fits nothing,
    `HotlineError` when there is no room for a browser.
    """
    if len(offer) > MAX_OFFER:
        raise OfferRefused("the offer is too long")
    order = sorted(codecs, key=lambda codec: codec != prefer)
    try:
        webrtc_sdp.read(offer, order)
    except (SdpSyntaxError, NothingInCommon) as error:
        raise OfferRefused("the offer fits nothing we speak") from error
    leg = LegId(f"leg-{secrets.token_hex(8)}")
    session = await ports.web_session(leg, order)
    try:
        return WebLeg(leg, session), await session.answer(offer)
    except BaseException as error:
        await session.close()
        if isinstance(error, SdpSyntaxError | NothingInCommon):
            raise OfferRefused("the offer fits nothing we speak") from error
        raise
