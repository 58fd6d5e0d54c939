"""What our SIP side supports, as it says so in messages (RFC 3261 §20.32, §20.37)."""

from hotline.gateway.sip.message import Request, Response

OPTION_TAGS = ("100rel", "timer", "replaces", "norefersub", "path", "outbound")
"""Extensions by option tag: RFC 3262, 4028, 3891, 4488, 3327, 5626."""
SUPPORTED = ("Supported", ", ".join(OPTION_TAGS))
METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY")
ALLOW = ("Allow", ", ".join(METHODS))
ACCEPT = ("Accept", "application/sdp")
SDP = ("Content-Type", "application/sdp")
KNOWN_METHODS = frozenset({*METHODS, "REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"})
"""Methods we know of; those we do not serve get 405, all others 501."""


def supports(message: Request | Response, tag: str) -> bool:
    """Whether the sender says that it knows the extension, in Supported or in Require."""
    tags = (*message.headers.tokens("Supported"), *message.headers.tokens("Require"))
    return tag in {item.lower() for item in tags}


def requires(message: Request | Response, tag: str) -> bool:
    """Whether the sender insists on the extension."""
    return tag in {item.lower() for item in message.headers.tokens("Require")}


def unsupported(request: Request) -> tuple[str, ...]:
    """What the sender insists on and we do not know."""
    return tuple(item for item in request.headers.tokens("Require") if item.lower() not in OPTION_TAGS)
