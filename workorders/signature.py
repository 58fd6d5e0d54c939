"""Signs webhooks and checks signatures: HMAC-SHA256 over time, delivery id and body."""

import hashlib
import hmac
import re
from datetime import datetime

from workorders.errors import WorkOrderError

SIGNATURE_HEADER = "Hotline-Signature"
"""`t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<delivery id>.<body>">`."""
DELIVERY_HEADER = "Hotline-Delivery"
"""The delivery's id, the same over all attempts."""
TOLERANCE_S = 300
"""How far the sender's clock may be off, and how long a copied request could be replayed."""
_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class BadSignature(WorkOrderError):
    """The signature is malformed, too old, or not of this secret, delivery and body."""

    code = "order.bad_signature"


def sign(secret: bytes, delivery_id: str, body: bytes, at: datetime) -> str:
    """The value of `SIGNATURE_HEADER`."""
    stamp = int(at.timestamp())
    return f"t={stamp},v1={_digest(secret, stamp, delivery_id, body)}"


def verify(secret: bytes, delivery_id: str, body: bytes, signature: str, at: datetime) -> None:
    """Check a received `signature` at the time `at`. Raises `BadSignature`."""
    match = _FORM.fullmatch(signature)
    if match is None:
        raise BadSignature("malformed")
    stamp = int(match[1])
    if abs(at.timestamp() - stamp) > TOLERANCE_S:
        raise BadSignature("too old, or the clocks differ")
    if not hmac.compare_digest(match[2], _digest(secret, stamp, delivery_id, body)):
        raise BadSignature("does not fit")


def _digest(secret: bytes, stamp: int, delivery_id: str, body: bytes) -> str:
    return hmac.new(secret, f"{stamp}.{delivery_id}.".encode() + body, hashlib.sha256).hexdigest()
