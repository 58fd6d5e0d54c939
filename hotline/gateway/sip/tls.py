"""TLS contexts of the SIP side, made from the settings and renewed when the certificate's file changes."""

import logging
import ssl
from datetime import UTC, datetime
from pathlib import Path

from hotline.errors import ConfigError
from hotline.gateway_settings import TlsSettings

log = logging.getLogger(__name__)

RENEW_SECONDS = 60.0
"""How often the certificate's file is looked at."""
HANDSHAKE_SECONDS = 8.0


class TlsContexts:
    """What connections are encrypted with. TLS 1.2 at least, no cipher without forward secrecy."""

    def __init__(self, settings: TlsSettings) -> None:
        """Raises `ConfigError` naming the setting whose file is missing, unreadable, wrong or out of date."""
        self._settings = settings
        self.server: ssl.SSLContext | None = None
        """For those who call us; None without a certificate."""
        self._stamp: tuple[int, ...] | None = None
        if settings.certificate is not None and settings.key is not None:
            self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._harden(self.server)
            self._load(self.server)
            self._stamp = self._look()
            self._ask_clients(self.server)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        """For those whom we call."""
        self._harden(self.client)
        self._trust(self.client)
        if self.server is not None:
            self._load(self.client)  # shown when the far end asks for one

    def renew(self) -> bool:
        """Read the certificate again when its file has changed; True when it has been. One that cannot be
        used leaves the old one in force."""
        if self.server is None or (stamp := self._look()) == self._stamp:
            return False
        self._stamp = stamp
        try:
            TlsContexts(self._settings)  # all of it is tried before any of it is taken
            self._load(self.server)
            self._load(self.client)
            if (
                self._settings.client_ca is not None
            ):  # authorities are added; to take one away needs a restart
                _read_authorities(self.server, "client_ca", self._settings.client_ca)
            if self._settings.trust is not None:
                _read_authorities(self.client, "trust", self._settings.trust)
        except ConfigError:
            log.error("the new certificate cannot be used; the old one stays", extra={"setting": "sip.tls"})
            return False
        log.info("certificate renewed")
        return True

    def _look(self) -> tuple[int, ...] | None:
        try:
            return tuple(path.stat().st_mtime_ns for path in [*self._files(), *self._authorities()])
        except OSError:
            return None

    def _files(self) -> list[Path]:
        return [path for path in (self._settings.certificate, self._settings.key) if path is not None]

    def _authorities(self) -> list[Path]:
        return [path for path in (self._settings.client_ca, self._settings.trust) if path is not None]

    @staticmethod
    def _harden(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files()
        for setting, path in (("certificate", certificate), ("key", key)):
            if not path.is_file():
                raise ConfigError([f"sip.tls.{setting}: {path}: not there"])
        try:
            context.load_cert_chain(certificate, key, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise ConfigError(
                [f"sip.tls.certificate: {certificate} and {key} are no usable pair ({type(error).__name__})"]
            ) from error
        if (until := _expiry(certificate)) is not None and until < datetime.now(UTC):
            raise ConfigError([f"sip.tls.certificate: {certificate} ran out on {until:%Y-%m-%d}"])

    def _ask_clients(self, context: ssl.SSLContext) -> None:
        if self._settings.client_ca is None:
            return
        _read_authorities(context, "client_ca", self._settings.client_ca)
        required = self._settings.require_client
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL

    def _trust(self, context: ssl.SSLContext) -> None:
        if not self._settings.verify_peers:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self._settings.trust is not None:
            _read_authorities(context, "trust", self._settings.trust)
        else:
            context.load_default_certs()


def _read_authorities(context: ssl.SSLContext, setting: str, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"sip.tls.{setting}: {path}: no certificates can be read from it"]) from error


def _no_passphrase() -> str:
    """A key with a passphrase must fail, not ask at the terminal."""
    raise ValueError("the key has a passphrase")


def _expiry(path: Path) -> datetime | None:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
    except ValueError:
        return None
