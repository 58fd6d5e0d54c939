"""HTTP digest authentication for SIP (RFC 7616, RFC 8760), both sides."""

import base64
import hashlib
import hmac
import re
import secrets
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from hotline.errors import ConfigError
from hotline.gateway.sip.grammar import SipSyntaxError, split_outside, unquote_string

_HASHES: dict[str, Callable[[bytes], Any]] = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data),
}
_STRENGTH = ("MD5", "SHA-256", "SHA-512-256")
"""What we answer, weakest first."""
_HA1_LENGTH = {"MD5": 32, "SHA-256": 64}
_NONCE = struct.Struct("!d8s")
NONCE_SECONDS = 300.0
"""How long a nonce may be used."""
_TRACKED = 10_000
"""Nonces whose counts are remembered."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The parameters of a challenge or of credentials."""

    values: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Read `Digest a=b, c="d"`. Raises `SipSyntaxError`."""
        scheme, _, rest = text.strip().partition(" ")
        if scheme.lower() != "digest":
            raise SipSyntaxError("not a Digest header")
        values: dict[str, str] = {}
        for part in split_outside(rest, ","):
            name, equals, value = part.partition("=")
            name = name.strip().lower()
            if not equals or name in values:
                raise SipSyntaxError("bad Digest parameter")
            values[name] = unquote_string(value.strip())
        return cls(values)

    def get(self, name: str) -> str:
        """A parameter, or ""."""
        return self.values.get(name, "")

    @property
    def algorithm(self) -> str:
        """Upper case; MD5 when not named."""
        return (self.get("algorithm") or "MD5").upper()


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """H(user:realm:password), RFC 7616 §3.4.2."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


def digest_response(secret: str, method: str, digest: Digest, body: bytes = b"") -> str:
    """The `response` value, from H(A1) and the other parameters (RFC 7616 §3.4.1; RFC 2069 without qop).

    With qop `auth-int` the message's body is in it too (§3.4.3).
    """
    algorithm = digest.algorithm
    if algorithm.endswith(_SESSION):
        algorithm = algorithm.removesuffix(_SESSION)
        secret = _hash(algorithm, f"{secret}:{digest.get('nonce')}:{digest.get('cnonce')}")
    second = f"{method}:{digest.get('uri')}"
    if digest.get("qop") == _WITH_BODY:
        second += f":{_HASHES[algorithm](body).hexdigest()}"
    ha2 = _hash(algorithm, second)
    middle = digest.get("nonce")
    if digest.get("qop"):
        middle += f":{digest.get('nc')}:{digest.get('cnonce')}:{digest.get('qop')}"
    return _hash(algorithm, f"{secret}:{middle}:{ha2}")


_SESSION = "-SESS"
"""Ends the names of algorithms whose A1 takes in both nonces (RFC 7616 §3.4.2)."""


_WITH_BODY = "auth-int"
"""The quality of protection that covers the body."""


def _hash(algorithm: str, text: str) -> str:
    return str(_HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest())


class Verdict(Enum):
    """What credentials are worth."""

    GOOD = auto()
    STALE = auto()
    """Right secret perhaps, but the nonce is too old or was used before: challenge again."""
    BAD = auto()


class Authenticator:
    """Checks callers against a users file. Nonces need no memory; only their use counts are kept.

    An unknown user costs the same work and gets the same answer as a wrong password.
    """

    def __init__(
        self,
        realm: str,
        users: dict[tuple[str, str], str],
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        qop: tuple[str, ...] = ("auth",),
    ) -> None:
        """`users`: (name, algorithm) → HA1 in lower-case hex. `algorithms`: in the order of challenges.
        `qop`: what is taken, of `auth` and `auth-int`."""
        self._realm = realm
        self._users = users
        self._qop = qop
        self._secret = secrets.token_bytes(32)
        self._algorithms = [name for name in algorithms if any(key[1] == name for key in users)]
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._floor = float("-inf")

    @classmethod
    def load(
        cls,
        path: Path,
        realm: str,
        setting: str = "sip.users_file",
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        qop: tuple[str, ...] = ("auth",),
    ) -> "Authenticator":
        """Read `name:realm:HA1` lines; entries of other realms are left out. Raises `ConfigError`."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{setting}: cannot be read ({type(error).__name__})"]) from error
        users: dict[tuple[str, str], str] = {}
        problems = []
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = re.match(r"^([^:]+):([^:]+):([0-9A-Fa-f]{32}|[0-9A-Fa-f]{64})\s*\Z", line)
            if found is None:
                problems.append(f"{setting}: line {number} is not name:realm:HA1")
            elif found[2] == realm:
                users[found[1], "MD5" if len(found[3]) == 32 else "SHA-256"] = found[3].lower()
        if not problems and not users:
            problems.append(f"{setting}: no user of its realm")
        if problems:
            raise ConfigError(problems)
        return cls(realm, users, algorithms, qop)

    def challenges(self, now: float, source: str, *, stale: bool = False) -> list[str]:
        """WWW-Authenticate values, best algorithm first (RFC 8760 §2.2). `now`: monotonic seconds; `source`:
        the address they go to, from which alone they can be answered.
        """
        extra = ", stale=true" if stale else ""
        nonce, qop = self._nonce(now, source), ",".join(self._qop)
        return [
            f'Digest realm="{self._realm}", nonce="{nonce}", qop="{qop}", algorithm={name}{extra}'
            for name in self._algorithms
        ]

    def challenged(self, header: str, source: str) -> bool:
        """Whether credentials answer a challenge of ours that went to that address: nobody else can have seen
        it, so their sender is not forged."""
        try:
            return self._issued(Digest.parse(header).get("nonce"), source) is not None
        except SipSyntaxError:
            return False

    def check(
        self, header: str | None, method: str, uri: str, now: float, source: str, body: bytes = b""
    ) -> Verdict:
        """Judge an Authorization value for a request from an address to `uri`."""
        try:
            digest = Digest.parse(header or "")
        except SipSyntaxError:
            return Verdict.BAD
        if not self._well_formed(digest, uri):
            return Verdict.BAD
        known = self._users.get((digest.get("username"), digest.algorithm))
        secret = known or "0" * _HA1_LENGTH[digest.algorithm]
        expected = digest_response(secret, method, digest, body).encode()
        right = hmac.compare_digest(
            expected, digest.get("response").lower().encode("utf-8", "surrogateescape")
        )
        if known is None or not right:
            return Verdict.BAD
        return Verdict.GOOD if self._fresh(digest, now, source) else Verdict.STALE

    def _well_formed(self, digest: Digest, uri: str) -> bool:
        return (
            digest.get("realm") == self._realm
            and digest.algorithm in self._algorithms
            and digest.get("qop") in self._qop
            and digest.get("uri") == uri
            and bool(digest.get("cnonce"))
            and re.match(r"^[0-9A-Fa-f]{8}\Z", digest.get("nc")) is not None
        )

    def _nonce(self, now: float, source: str) -> str:
        plain = _NONCE.pack(now, secrets.token_bytes(8))
        return base64.urlsafe_b64encode(plain + self._seal(plain, source)).decode()

    def _seal(self, plain: bytes, source: str) -> bytes:
        return hmac.digest(self._secret, plain + source.encode(), "sha256")[:16]

    def _issued(self, nonce: str, source: str) -> float | None:
        """When we made the nonce; None when it is not ours, or was for another address."""
        try:
            raw = base64.urlsafe_b64decode(nonce.encode("ascii"))
        except ValueError:
            return None
        plain, seal = raw[: _NONCE.size], raw[_NONCE.size :]
        if len(plain) != _NONCE.size or not hmac.compare_digest(seal, self._seal(plain, source)):
            return None
        return float(_NONCE.unpack(plain)[0])

    def _fresh(self, digest: Digest, now: float, source: str) -> bool:
        nonce, count = digest.get("nonce"), int(digest.get("nc"), 16)
        issued = self._issued(nonce, source)
        if issued is None or issued <= self._floor or now - issued > NONCE_SECONDS:
            return False
        if nonce in self._counts and count <= self._counts[nonce][0]:
            return False
        self._counts[nonce] = (count, issued)
        self._counts.move_to_end(nonce)
        if len(self._counts) > _TRACKED:
            # A forgotten nonce could be played again, so all as old as it are no longer taken.
            _, (_, made) = self._counts.popitem(last=False)
            self._floor = max(self._floor, made)
        return True


def username_of(header: str) -> str:
    """Who credentials are of; "" when they cannot be read."""
    try:
        return Digest.parse(header).get("username")
    except SipSyntaxError:
        return ""


def stale(challenges: tuple[str, ...]) -> bool:
    """Whether challenges find nothing wrong but the nonce's age (RFC 7616 §3.3)."""
    for text in challenges:
        try:
            if Digest.parse(text).get("stale").lower() == "true":
                return True
        except SipSyntaxError:
            continue
    return False


def answer_challenge(
    challenges: tuple[str, ...], method: str, uri: str, user: str, password: str, *, body: bytes = b""
) -> str | None:
    """An Authorization value for the strongest challenge we can meet; None when there is none.

    The body (that of the request as it will be sent) is covered only where nothing else is offered: whoever
    changes the description on its way, as border controllers do, would break what covers it.

    RFC 8760 §2.4 would have the first; but who puts MD5 first only means to please old phones.
    """
    known: list[tuple[int, Digest]] = []
    for text in challenges:
        try:
            challenge = Digest.parse(text)
        except SipSyntaxError:
            continue
        name = challenge.algorithm.removesuffix(_SESSION)
        qops = _qops(challenge)
        if name in _STRENGTH and (not qops or "auth" in qops or _WITH_BODY in qops):
            known.append((_STRENGTH.index(name), challenge))
    if not known:
        return None
    best = max(known, key=lambda item: item[0])[1]
    return _credentials(best, (method, uri, body), (user, password))


def _qops(challenge: Digest) -> list[str]:
    return [item.strip().lower() for item in challenge.get("qop").split(",") if item.strip()]


def _credentials(challenge: Digest, asked: tuple[str, str, bytes], who: tuple[str, str]) -> str:
    (method, uri, body), (user, password) = asked, who
    values = {name: challenge.get(name) for name in ("realm", "nonce")}
    values |= {"username": user, "uri": uri, "algorithm": challenge.get("algorithm") or "MD5"}
    if _qops(challenge) or challenge.algorithm.endswith(_SESSION):
        values |= {"cnonce": secrets.token_hex(8)}
    if _qops(challenge):
        values |= {"qop": "auth" if "auth" in _qops(challenge) else _WITH_BODY, "nc": "00000001"}
    secret = ha1(challenge.algorithm.removesuffix(_SESSION), user, values["realm"], password)
    values["response"] = digest_response(secret, method, Digest(values), body)
    if "opaque" in challenge.values:
        values["opaque"] = challenge.get("opaque")
    return "Digest " + ", ".join(_format(name, value) for name, value in values.items())


def _format(name: str, value: str) -> str:
    if name in {"algorithm", "qop", "nc"}:
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'
