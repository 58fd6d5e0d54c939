"""Every setting of the line: nested frozen sections from defaults < TOML < environment."""

import os
import sys
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from asr.settings import AsrSettings
from hotline.errors import ConfigError
from hotline.gateway_settings import (
    DefenceSettings,
    MediaSettings,
    OutboundSettings,
    PbxSettings,
    RegistrarSettings,
    SipSettings,
    TrunkSettings,
    WebRtcSettings,
)
from hotline.section import Section

RoleName = Literal["agent", "lawyer", "supervisor", "quality", "statistician", "auditor", "admin", "unit"]

ENV_PREFIX = "HOTLINE__"


class WebSettings(Section):
    """The page and the REST API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8348, ge=0, le=65535)
    session_hours: float = Field(default=10, gt=0, le=24)
    """A signed-in browser is asked again after this long."""
    idle_minutes: float = Field(default=30, ge=0, le=24 * 60)
    """So long after somebody last did something the session is over, but not in a talk; 0: never."""
    password_days: int = Field(default=0, ge=0, le=3650)
    """A password older than this must be changed; 0: never."""
    second_factor: tuple[RoleName, ...] = ()
    """Roles that must set up a second factor (TOTP); others may."""
    secure_cookies: bool = False
    """Set when the page is served over https (it must be, beyond loopback)."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")


class StoreSettings(Section):
    """The database."""

    url: str | None = None
    """SQLAlchemy URL; default: SQLite in `paths.data`."""
    key: Path | None = None
    """Opens the secrets that are sealed in the database; made when absent. Default: `secrets.key` in
    `paths.data`. Better elsewhere: not in the same backup as the database."""


class PathSettings(Section):
    """Where things lie."""

    data: Path = Path("var")
    """Everything the line writes: database, recordings, prompt cache."""
    flows: Path | None = None
    """Caller flows and their data; default: checkout, then `<prefix>/share/hotline/ivr_flows`."""
    models: Path | None = None
    """Fetched weights; default: `~/.cache/hotline12348/models`."""


class PrivacySettings(Section):
    """What may be kept and shown."""

    show_raw: bool = False
    """Log and show unmasked numbers. For a closed test line only."""
    agents_see: Literal["own", "queue", "all"] = "queue"
    """What agents and lawyers on duty see: what they had or have themselves; also what nobody has had yet and
    what came through a queue whose skills they have; or everything."""
    recording_days: int = Field(default=730, ge=1)
    """Days recordings and transcripts are kept."""


class AuditSettings(Section):
    """The audit chain: docs/audit.md."""

    key: Path | None = None
    """Signs the daily roots; made by `hotline audit keygen`. Without it there are no signed roots."""
    roots: Path | None = None
    """Where the signed roots are written; default: `audit-roots` in `paths.data`. Better elsewhere."""
    seal_seconds: float = Field(default=1.0, gt=0, le=60)
    """A row that is written is sealed not later than about this."""


class LimitSettings(Section):
    """What one installation takes on."""

    calls: int = Field(default=60, ge=1, le=5_000)
    """Calls at once; more get 503 with Retry-After."""
    call_minutes: float = Field(default=60, gt=0, le=600)
    """A call is ended after this long."""
    message_seconds: float = Field(default=180, gt=0, le=1800)
    """Longest spoken message."""


class DispatchSettings(Section):
    """Delivery of orders to units."""

    webhook_secret: SecretStr | None = None
    """Signs webhooks (HMAC-SHA256); without it no webhook is sent."""
    poll_seconds: float = Field(default=1.0, gt=0, le=60)
    """How often the outbox is looked at."""
    allowed_networks: tuple[str, ...] = ()
    """Private networks that units' systems stand in, e.g. `10.0.0.0/8`; else only public ones are used."""
    authority: Path | None = None
    """PEM file of who else may sign the certificates of units' systems."""


class AttachmentSettings(Section):
    """Files that units send with their answers."""

    max_mb: int = Field(default=10, ge=1, le=50)
    """Largest file."""
    keep_free_mb: int = Field(default=500, ge=0)
    """No file is taken when less of the disk would be left, so that calls can still be recorded."""
    scan_command: tuple[str, ...] = ()
    """A virus scanner, e.g. `["clamdscan", "--fdpass", "--no-summary"]`; gets the file's path as its last
    argument, exits with 0 for a clean file and 1 for an infected one."""


class VideoSettings(Section):
    """Handing a call over to video."""

    url: str = ""
    """Address of a room, with `{room}`, on a video service of yours; empty: no video."""
    secret: SecretStr | None = None
    """Signs the links; without it there is no video."""
    minutes: int = Field(default=60, ge=1, le=10_080)
    """How long a link holds."""


class AcdSettings(Section):
    """How calls are given to agents."""

    ring_s: float = Field(default=20.0, ge=3, le=120)
    """How long one agent is rung before the next."""
    misses: int = Field(default=2, ge=1, le=20)
    """Offers in a row left unanswered after which an agent is set busy (`no_answer`)."""
    again_s: float = Field(default=30.0, ge=0, le=600)
    """A call is not offered again to an agent who did not take it before this long."""
    wrap_up_s: float = Field(default=30.0, ge=0, le=1800)
    """After a talk, before the next call; the agent may end it earlier."""
    grace_s: float = Field(default=15.0, ge=0, le=300)
    """An agent without page and phone is signed out after this long: a reload takes less."""
    relax_s: float = Field(default=30.0, ge=0, le=3600)
    """After each such wait a call gives up one wished skill, by the rules of `acd.yaml`; 0: at once."""
    reattach_s: float = Field(default=20.0, ge=0, le=300)
    """How long a caller hears music while the page of their agent, which has vanished, may come back."""
    requeue_s: float = Field(default=10.0, ge=0, le=600)
    """A talk whose agent was lost before this goes back to the head of the queue; later it is over."""
    handle_s: float = Field(default=330.0, ge=10, le=3600)
    """Talk and wrap-up taken for granted in the estimated wait until five talks have been measured."""


class StatsSettings(Section):
    """Statistics."""

    trial_numbers: tuple[str, ...] = ()
    """Calls from these numbers are trials and counted nowhere; `hotline stats rebuild` after a change."""
    folder: Path | None = None
    """Where scheduled reports are put; default: `reports` in the data folder."""
    webhooks: dict[str, str] = Field(default={})
    """Name → address to which scheduled reports may be posted, signed with `dispatch.webhook_secret`."""

    @field_validator("webhooks")
    @classmethod
    def _https(cls, value: dict[str, str]) -> dict[str, str]:
        for name, address in value.items():
            parts = urlsplit(address)
            if parts.scheme != "https" and not (
                parts.scheme == "http" and _is_loopback(parts.hostname or "")
            ):
                raise ValueError(f"{name}: must be https, or http on this machine")
        return value


class Settings(BaseSettings):
    """All sections."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
    )

    sip: SipSettings = SipSettings()
    registrar: RegistrarSettings = RegistrarSettings()
    trunks: tuple[TrunkSettings, ...] = ()
    outbound: OutboundSettings = OutboundSettings()
    defence: DefenceSettings = DefenceSettings()
    media: MediaSettings = MediaSettings()
    pbx: PbxSettings = PbxSettings()
    webrtc: WebRtcSettings = WebRtcSettings()
    asr: AsrSettings = AsrSettings()
    web: WebSettings = WebSettings()
    store: StoreSettings = StoreSettings()
    paths: PathSettings = PathSettings()
    privacy: PrivacySettings = PrivacySettings()
    audit: AuditSettings = AuditSettings()
    limits: LimitSettings = LimitSettings()
    dispatch: DispatchSettings = DispatchSettings()
    video: VideoSettings = VideoSettings()
    attachments: AttachmentSettings = AttachmentSettings()
    acd: AcdSettings = AcdSettings()
    stats: StatsSettings = StatsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the file (which comes in as init values); no dotenv, no secrets folder."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The URL in force."""
        return self.store.url or f"sqlite:///{self.paths.data / 'hotline.sqlite3'}"

    @property
    def secrets_key(self) -> Path:
        """The file of the keys that seal secrets in the database."""
        return self.store.key or self.paths.data / "secrets.key"

    @property
    def recordings(self) -> Path:
        """Where recordings are written."""
        return self.paths.data / "recordings"

    @property
    def audit_roots(self) -> Path:
        """The folder of the signed roots."""
        return self.audit.roots or self.paths.data / "audit-roots"

    @property
    def flows(self) -> Path:
        """The flow folder in force. Raises `ConfigError` when there is none."""
        if self.paths.flows is not None:
            return self.paths.flows
        for candidate in (
            Path(__file__).parents[1] / "ivr_flows",
            Path(sys.prefix) / "share/hotline/ivr_flows",
        ):
            if candidate.is_dir():
                return candidate
        raise ConfigError(["paths.flows: no flow folder found; set it in hotline.toml"])

    @property
    def models(self) -> Path:
        """The folder of fetched weights."""
        if self.paths.models is not None:
            return self.paths.models
        cache = os.environ.get("XDG_CACHE_HOME")
        return (Path(cache) if cache else Path.home() / ".cache") / "hotline12348" / "models"


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Read settings: defaults < file < environment < `overrides` (whole sections).

    Raises `ConfigError` with every problem at once, each naming its setting and where it was set.
    """
    values = _read(path) if path is not None else {}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError([_problem(item, path) for item in error.errors()]) from error
    except (ValueError, RecursionError) as error:  # an environment variable that is no JSON, or too deep
        raise ConfigError([f"environment: {error}"]) from error
    if overrides:
        settings = settings.model_copy(update=overrides)
    if problems := check(settings):
        raise ConfigError(problems)
    return settings


def check(settings: Settings) -> list[str]:
    """Problems between settings that no single one shows."""
    problems = []
    if settings.media.port_max <= settings.media.port_min:
        problems.append("media.port_max: must be above media.port_min")
    elif (settings.media.port_max - settings.media.port_min) // 2 < settings.limits.calls:
        problems.append("media.port_min..port_max: fewer port pairs than limits.calls")
    if not _is_loopback(settings.web.host) and not settings.web.secure_cookies:
        problems.append("web.secure_cookies: must be true when web.host is not loopback")
    pbx = settings.pbx
    if pbx.websocket_port is not None and pbx.password is None and not _is_loopback(pbx.host):
        problems.append("pbx.password: must be set when pbx.host is not loopback")
    problems += _check_sip(settings)
    secret = settings.dispatch.webhook_secret
    if secret is not None and (
        len(secret.get_secret_value()) < 16 or "change" in secret.get_secret_value().lower()
    ):
        problems.append("dispatch.webhook_secret: a placeholder or shorter than 16 characters")
    authority = settings.dispatch.authority
    if authority is not None and not authority.is_file():
        problems.append(f"dispatch.authority: {authority} is no file")
    for network in settings.dispatch.allowed_networks:
        try:
            ip_network(network)
        except ValueError:
            problems.append(f"dispatch.allowed_networks: {network} is no network, e.g. 10.0.0.0/8")
    return problems


def _check_sip(settings: Settings) -> list[str]:
    sip, problems = settings.sip, []
    secure = sip.tls.port is not None or sip.ws.secure_port is not None
    if secure and (sip.tls.certificate is None or sip.tls.key is None):
        problems.append("sip.tls.certificate and sip.tls.key: needed for sip.tls.port and sip.ws.secure_port")
    if sip.tls.require_client and sip.tls.client_ca is None:
        problems.append("sip.tls.client_ca: needed for sip.tls.require_client")
    if sip.ws.port is not None and not _is_loopback(sip.host):
        problems.append("sip.ws.port: plain WebSocket only when sip.host is loopback; use sip.ws.secure_port")
    return problems


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error


def _problem(item: Any, path: Path | None) -> str:
    name = ".".join(str(part) for part in item["loc"])
    variable = ENV_PREFIX + "__".join(str(part).upper() for part in item["loc"])
    where = "environment" if variable in os.environ else str(path or "defaults")
    return f"{name}: {item['msg']} ({where})"
