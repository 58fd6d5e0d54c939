"""Signs webhooks and checks signatures: HMAC-SHA256 over time, delivery id and body."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from workorders.errors import WorkOrderError

SIGNATURE_HEADER = "Hotline-Signature"
"""`t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<delivery id>.<body>">`; two `v1` while secrets change."""
DELIVERY_HEADER = "Hotline-Delivery"
"""The delivery's id, the same over all attempts."""
TOLERANCE_S = 300
"""How far the sender's clock may be off, and how long a copied request could be replayed."""
_FORM = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})")


class BadSignature(WorkOrderError):
    """The signature is malformed, too old, or not of this secret, delivery and body."""

    code = "order.bad_signature"


def sign(secrets: Sequence[bytes], delivery_id: str, body: bytes, at: datetime) -> str:
    """The value of `SIGNATURE_HEADER`, with a `v1` for each secret."""
    stamp = int(at.timestamp())
    return f"t={stamp}" + "".join(f",v1={_digest(each, stamp, delivery_id, body)}" for each in secrets)


def verify(secret: bytes, delivery_id: str, body: bytes, signature: str, at: datetime) -> None:
    """Check a received `signature` at the time `at`. Raises `BadSignature`."""
    match = _FORM.fullmatch(signature)
    if match is None:
        raise BadSignature("malformed")
    stamp = int(match[1])
    if abs(at.timestamp() - stamp) > TOLERANCE_S:
        raise BadSignature("too old, or the clocks differ")
    expected = _digest(secret, stamp, delivery_id, body)
    if not any(hmac.compare_digest(given, expected) for given in match[2].split(",v1=")[1:]):
        raise BadSignature("does not fit")


def _digest(secret: bytes, stamp: int, delivery_id: str, body: bytes) -> str:
    return hmac.new(secret, f"{stamp}.{delivery_id}.".encode() + body, hashlib.sha256).hexdigest()
