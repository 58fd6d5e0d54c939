"""The gateway's settings: signalling and media."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from hotline.section import Section


def _check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ip_network(network)
    return value


class TlsSettings(Section):
    """SIP over TLS (RFC 3261 §26, RFC 5922)."""

    port: int | None = Field(default=None, ge=0, le=65_535)
    """TCP port, usually 5061; shut when not set; 0 lets the system choose."""
    certificate: Path | None = None
    """Our certificate and what it was signed by, PEM. Read again when the file changes."""
    key: Path | None = None
    """Its private key, PEM, without passphrase."""
    client_ca: Path | None = None
    """Who may sign certificates of those who call us, PEM. When set they are asked for one."""
    require_client: bool = False
    """Nobody may call without such a certificate."""
    trust: Path | None = None
    """Who may sign certificates of those whom we call, PEM; default: whom the system trusts."""
    verify_peers: bool = True
    """Check the certificates of those whom we call."""


class WsSettings(Section):
    """SIP over WebSocket (RFC 7118), for JsSIP and SIP.js."""

    port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of plain WebSocket: on loopback only, or behind a proxy that adds TLS."""
    secure_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of secure WebSocket, with the certificate of [sip.tls]."""
    origins: tuple[str, ...] = ()
    """Web sites whose pages may connect, e.g. `https://hotline.example.cn`; empty: pages of this host."""


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
    codecs: tuple[Literal["PCMA", "PCMU", "G722", "OPUS"], ...] = Field(
        default=("OPUS", "G722", "PCMA", "PCMU"), min_length=1
    )
    """What we speak, best first: wideband speech is recognised better. A caller's own order goes before."""
    srtp: Literal["off", "allow", "require"] = "allow"
    """Media protected with keys in the description (SDES): refused, taken when offered, or demanded. Keys are
    told and taken over TLS and WSS only, so `require` refuses all calls that come over UDP and TCP."""
    srtp_over_clear: bool = False
    """Tell and take such keys over UDP and TCP too, where they can be read on the way."""
    session_expires_s: int = Field(default=1800, ge=0, le=86_400)
    """Session timer we ask for (RFC 4028); 0 asks for none, but takes the peer's."""
    min_se_s: int = Field(default=90, ge=1, le=3600)
    """Shortest session timer we bear; below 90 only for tests."""
    early_media: bool = False
    """Play the flow's `early` prompts before the call is answered (183), where the flow has some."""
    symmetric: bool = True
    """Answer a peer where its requests come from when the address it names cannot be right (NAT)."""
    connections_per_source: int = Field(default=50, ge=1, le=10_000)
    """Streams (TCP, TLS, WebSocket) one address may have open."""
    handshakes: int = Field(default=300, ge=1, le=10_000)
    """TLS and WebSocket handshakes that may go on at once; then the one going on for longest makes room."""
    handshakes_per_source: int = Field(default=30, ge=1, le=10_000)
    """Of them, how many from one address."""
    tls: TlsSettings = TlsSettings()
    ws: WsSettings = WsSettings()

    _networks = field_validator("allow")(_check_networks)


class RegistrarSettings(Section):
    """Where agents' phones register (RFC 3261 §10)."""

    users_file: Path | None = None
    """Phones (`name:realm:HA1` a line, SHA-256 or MD5). Without it nobody can register."""
    realm: str = "hotline12348-phones"
    min_expires_s: int = Field(default=60, ge=1, le=3600)
    """A phone that wants to register for less is told so (423)."""
    max_expires_s: int = Field(default=3600, ge=60, le=86_400)
    max_contacts: int = Field(default=5, ge=1, le=50)
    """Places one user may be reached at."""
    algorithms: tuple[Literal["SHA-256", "MD5"], ...] = Field(default=("MD5", "SHA-256"), min_length=1)
    """Digest algorithms, in the order of our challenges. RFC 8760 wants the best first; some phones that know
    MD5 only take no other first, and baresip before 2.0 none beside it: for those, `["MD5"]`."""
    qop: tuple[Literal["auth", "auth-int"], ...] = Field(default=("auth",), min_length=1)
    """What credentials may cover: the request alone, or (`auth-int`) its body too."""
    ping_s: float = Field(default=30.0, ge=1, le=600)
    """How often a phone behind NAT is asked whether it is there, which keeps the way open."""


class TrunkServer(Section):
    """One way to a trunk's provider, as an SRV record has it (RFC 2782)."""

    uri: str = Field(pattern=r"^sips?:[A-Za-z0-9.\-\[\]:]+(;transport=(udp|tcp|tls))?$")
    """`sip:10.0.0.1:5060;transport=udp`; a name is looked up, and over TLS must be an address."""
    priority: int = Field(default=0, ge=0, le=65_535)
    """Lower is tried first."""
    weight: int = Field(default=1, ge=0, le=65_535)
    """Among equals, how often it is tried first."""


class TrunkSettings(Section):
    """A line of a telephone company, or of another PBX."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    servers: tuple[TrunkServer, ...] = Field(min_length=1, max_length=16)
    user: str = ""
    password: SecretStr | None = None
    """Better as HOTLINE__… or in `password_file`."""
    password_file: Path | None = None
    register_: bool = Field(default=True, alias="register")
    """Register there and stay registered."""
    expires_s: int = Field(default=600, ge=60, le=86_400)
    options_s: float = Field(default=30.0, ge=1, le=3_600)
    """How often a server is asked whether it is there."""
    answer_s: float = Field(default=4.0, ge=0.5, le=32)
    """How long a server may say nothing at all before the next is tried."""
    from_user: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9+._-]*$")
    """User part of From in calls that go out, where the company wants its own number there."""


class OutboundRule(Section):
    """Numbers the line may call."""

    pattern: str = Field(pattern=r"^[0-9X]{1,20}\.?$")
    """`X` stands for any digit, a closing `.` for one or more: `028XXXXXXXX`, `1[…]` is written out."""
    per_hour: int = Field(default=20, ge=1, le=10_000)
    """Calls in an hour by this rule."""
    from_hour: int = Field(default=0, ge=0, le=23)
    until_hour: int = Field(default=24, ge=1, le=24)
    """Hours of the day in which it holds, the last one not included; `from` may be later: over midnight."""


class OutboundSettings(Section):
    """Calls the line may place: none but those a rule names."""

    rules: tuple[OutboundRule, ...] = Field(default=(), max_length=100)
    emergency: dict[str, str] = Field(default={"110": "8110", "119": "8119", "120": "8120"})
    """What is dialled for an emergency number; test extensions until an operator decides otherwise."""


class DefenceSettings(Section):
    """Against scanners and floods: rate limits and bans a source (an IPv4 address or an IPv6 /64)."""

    enabled: bool = True
    messages_per_second: float = Field(default=40.0, gt=0, le=100_000)
    """SIP messages a source may send in the long run."""
    burst: int = Field(default=200, ge=1, le=100_000)
    """And at once."""
    trusted_messages_per_second: float = Field(default=2_000.0, gt=0, le=100_000)
    """What a trusted source may send: a trunk carries many people's calls in one address."""
    calls_per_source: int = Field(default=20, ge=1, le=10_000)
    """Calls at once, ringing and answered, with a source that is not trusted: an office, not a trunk."""
    threshold: float = Field(default=12.0, gt=0, le=10_000)
    """Score that leads to a ban: a malformed message is 1, a wrong number 2, wrong credentials 3."""
    failures: int = Field(default=5, ge=1, le=100)
    """Wrong credentials in a row after which a user is not listened to from a known address."""
    ban_minutes: float = Field(default=10.0, gt=0, le=10_080)
    """First ban; each further one lasts twice as long."""
    max_ban_minutes: float = Field(default=1_440.0, gt=0, le=43_200)
    trusted: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks (trunks, this machine) that are never banned; too fast, they are told to come back later."""

    _networks = field_validator("trusted")(_check_networks)


class MediaSettings(Section):
    """RTP."""

    port_min: int = Field(default=20_000, ge=1024, le=65_534)
    """First RTP port (even)."""
    port_max: int = Field(default=20_998, ge=1026, le=65_534)
    """Last RTP port (even); two ports a leg."""
    jitter_ms: int = Field(default=60, ge=20, le=200)
    """How long a missing packet is waited for at first; it grows, to at most 160 ms, with what comes late."""
    jitter_min_ms: int = Field(default=40, ge=20, le=200)
    """And how far it shrinks on an even path; what is above `jitter_ms` counts as that."""
    dead_after_s: float = Field(default=20.0, ge=1, le=600)
    """Seconds without any packet (and not on hold) after which a leg is given up."""
    latch: Literal["nat", "strict"] = "nat"
    """Whose media is heard. `strict`: only from the host that was named, or that signals. `nat`: also from a
    stranger that alone speaks, which some phones behind two NATs need."""
    dtx: bool = False
    """Send next to nothing while we have nothing to say, to peers that take comfort noise or Opus."""
    inband_dtmf: Literal["auto", "off"] = "auto"
    """Listen for keys in the sound when a peer agrees to no telephone events."""


class PbxSettings(Section):
    """Doors for PBXs that fork a call's audio to us (docs/pbx.md). Each is shut until it has a port."""

    host: str = "127.0.0.1"
    """Address to listen on; the internal interface, never the open internet."""
    allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Networks PBXs may connect from."""
    audiosocket_port: int | None = Field(default=None, ge=0, le=65_535)
    """TCP port of Asterisk AudioSocket, which knows no password; 0 lets the system choose."""
    websocket_port: int | None = Field(default=None, ge=0, le=65_535)
    """TCP port of WebSocket audio forks: Asterisk, jambonz, FreeSWITCH."""
    user: str = "pbx"
    password: SecretStr | None = None
    """HTTP Basic credentials that WebSocket forks must present; demanded beyond loopback."""
    calls: int = Field(default=60, ge=1, le=5_000)
    """Calls at once through these doors."""
    dead_after_s: float = Field(default=60.0, ge=1, le=3_600)
    """Seconds without any sound after which a call is given up."""

    _networks = field_validator("allow")(_check_networks)


class WebRtcSettings(Section):
    """Browsers that call: the page `/call`, and SIP over WebSocket."""

    host: str | None = None
    """Address to listen on for media; default: `sip.host`."""
    port: int = Field(default=0, ge=0, le=65_535)
    """The one UDP port of all browsers' media; 0 lets the system choose. Fix it where a firewall stands."""
    advertise: tuple[str, ...] = ()
    """Addresses browsers are told to send to, when they differ from `host`: the public one behind NAT."""
    codecs: tuple[Literal["OPUS", "PCMA", "PCMU"], ...] = ("OPUS", "PCMA", "PCMU")
    """What we take, best first. Opus carries wideband speech; G.711 costs us less."""
    legs: int = Field(default=200, ge=1, le=5_000)
    """Browsers' legs at once, of both kinds."""
    connect_s: float = Field(default=15.0, ge=1, le=120)
    """Seconds a browser has to get through to us, from its offer to the first key."""
    public_call: Literal["loopback", "always", "never"] = "loopback"
    """Whether anybody may call from the page `/call`: only while `web.host` is loopback, or everywhere."""
    ice_servers: tuple[str, ...] = ()
    """STUN and TURN addresses the page gives to the browser, e.g. `stun:stun.example.cn:3478`."""
    ice_username: str = ""
    ice_password: SecretStr | None = None
    """Credentials for the TURN ones. Everybody who opens the page can read them."""
    calls: int = Field(default=20, ge=1, le=5_000)
    """Calls at once from the page."""
    calls_per_source: int = Field(default=3, ge=1, le=5_000)
    """Of these, from one address."""
    calls_per_minute: int = Field(default=6, ge=1, le=600)
    """Calls one address may begin in a minute."""

    @field_validator("advertise")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            ip_address(address)
        return value

    @field_validator("ice_servers")
    @classmethod
    def _ice_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # A browser makes no connection at all from an address it cannot read.
        for address in value:
            if not address.startswith(("stun:", "stuns:", "turn:", "turns:")):
                raise ValueError("an ICE server begins with stun:, stuns:, turn: or turns:")
        return value

    @model_validator(mode="after")
    def _turn_password(self) -> "WebRtcSettings":
        turn = any(address.startswith("turn") for address in self.ice_servers)
        if turn and not (self.ice_username and self.ice_password):
            raise ValueError("TURN needs ice_username and ice_password")
        return self
