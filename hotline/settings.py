"""Every setting of the line: nested frozen sections from defaults < TOML < environment."""

import os
import sys
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
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

ENV_PREFIX = "HOTLINE__"


class WebSettings(Section):
    """The page and the REST API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8348, ge=0, le=65535)
    session_hours: float = Field(default=10, gt=0, le=24)
    """A signed-in browser is asked again after this long."""
    secure_cookies: bool = False
    """Set when the page is served over https (it must be, beyond loopback)."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")


class StoreSettings(Section):
    """The database."""

    url: str | None = None
    """SQLAlchemy URL; default: SQLite in `paths.data`."""


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
    recording_days: int = Field(default=730, ge=1)
    """Days recordings and transcripts are kept."""


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
    limits: LimitSettings = LimitSettings()
    dispatch: DispatchSettings = DispatchSettings()
    acd: AcdSettings = AcdSettings()

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
    def recordings(self) -> Path:
        """Where recordings are written."""
        return self.paths.data / "recordings"

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
