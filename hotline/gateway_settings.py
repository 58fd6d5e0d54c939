"""The gateway's settings: signalling and media."""

from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, field_validator

from hotline.section import Section


class SipSettings(Section):
    """The SIP side of the gateway."""

    host: str = "127.0.0.1"
    """Address to listen on; the internal interface, never the open internet."""
    port: int = Field(default=5060, ge=0, le=65535)
    """UDP and TCP port; 0 lets the system choose."""
    advertise: str | None = None
    """Address put into Via, Contact and SDP when it differs from `host`."""
    allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks whose requests are heard at all; others get no answer."""
    numbers: tuple[str, ...] = ("12348",)
    """User parts we answer to; anything else is 404."""
    users_file: Path | None = None
    """Digest users (`name:realm:HA1` a line, SHA-256 or MD5). When set, calls must authenticate."""
    realm: str = "hotline12348"

    @field_validator("allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value


class MediaSettings(Section):
    """RTP."""

    port_min: int = Field(default=20_000, ge=1024, le=65_534)
    """First RTP port (even)."""
    port_max: int = Field(default=20_998, ge=1026, le=65_534)
    """Last RTP port (even); two ports a leg."""
    jitter_ms: int = Field(default=60, ge=20, le=200)
    """How long a missing packet is waited for."""
    dead_after_s: float = Field(default=20.0, ge=1, le=600)
    """Seconds without any packet (and not on hold) after which a leg is given up."""
