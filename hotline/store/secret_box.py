"""Seals what the database must keep and give back: AES-256-GCM, under keys in a file of the line's own.

A sealed value is `v1.<key id>.<base64url of nonce, ciphertext and tag>`. Table, column and row id are its
associated data: moved to another row it no longer opens. The key file has one `<key id> <base64url of 32
bytes>` a line, the one in use first; its owner alone may read it. It is read anew each time, which is as
often as somebody signs in with a second factor, so that a line in service sees a rotation at once.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from hotline.errors import HotlineError

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12
ID_BYTES = 4
MODE = 0o600
HEADER = "# Opens what is sealed in the database. Keep a copy apart from copies of the database.\n"


class SecretsUnavailable(HotlineError):
    """The key file, or the key that a value was sealed under, is missing or wrong; the message says which."""

    code = "auth.key_unavailable"


class SecretBox:
    """The key file. Methods block and raise `SecretsUnavailable`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seal(self, text: str, table: str, column: str, row: int) -> str:
        """Seal for one place in the database; the first time makes the key file."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.prepare()
        name, key = next(iter(self._keys().items()))
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, text.encode(), _place(table, column, row))
        return f"{VERSION}.{name}.{_text(nonce + sealed)}"

    def open(self, sealed: str, table: str, column: str, row: int) -> str:
        """The text again. Also raised for a value that was altered, or sealed for another place."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        name, keys = key_of(sealed), self._keys()
        if name not in keys:
            raise SecretsUnavailable(f"{self.path}: the key {name} of a sealed value is not in it")
        try:
            whole = _bytes(sealed.split(".")[2])
            plain = AESGCM(keys[name]).decrypt(
                whole[:NONCE_BYTES], whole[NONCE_BYTES:], _place(table, column, row)
            )
        except (InvalidTag, ValueError, IndexError):
            raise SecretsUnavailable("a sealed value was altered or belongs elsewhere") from None
        return plain.decode()

    def names(self) -> tuple[str, ...]:
        """Ids of the keys, the one in use first; none when there is no file yet."""
        return tuple(self._keys()) if self.path.exists() else ()

    def prepare(self) -> bool:
        """Make the key file when there is none; whether it was made. A file that is there stays as it is."""
        if self.path.exists():
            return False
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            trial = self._written({_name(): secrets.token_bytes(KEY_BYTES)})
            try:
                os.link(trial, self.path)  # unlike a rename never over a file that somebody made meanwhile
            except FileExistsError:
                return False
            finally:
                trial.unlink()
        except OSError as error:
            raise SecretsUnavailable(f"{self.path}: {error.strerror}") from None
        return True

    def renew(self) -> str:
        """Put a new key first; those before stay and still open. Its id."""
        keys = self._keys() if self.path.exists() else {}
        name = _name()
        self._replace({name: secrets.token_bytes(KEY_BYTES), **keys})
        return name

    def keep_first(self) -> int:
        """Forget all keys but the one in use; how many."""
        keys = self._keys()
        first = next(iter(keys))
        self._replace({first: keys[first]})
        return len(keys) - 1

    def problem(self) -> str:
        """What is wrong with the file; empty when nothing is, or when there is none yet."""
        if not self.path.exists():
            return ""
        try:
            self._keys()
        except SecretsUnavailable as error:
            return str(error)
        return ""

    def _keys(self) -> dict[str, bytes]:
        try:
            mode = self.path.stat().st_mode
            if mode & 0o077:
                raise SecretsUnavailable(f"{self.path}: others may read it; chmod 600")
            lines = self.path.read_text(encoding="ascii").splitlines()
        except OSError as error:
            raise SecretsUnavailable(f"{self.path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SecretsUnavailable(f"{self.path}: not a key file") from None
        found: dict[str, bytes] = {}
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            name, _, value = line.partition(" ")
            try:
                found[name] = _bytes(value.strip())
            except ValueError:
                found[name] = b""
            if len(found[name]) != KEY_BYTES:
                raise SecretsUnavailable(f"{self.path}: not a key file")
        if not found:
            raise SecretsUnavailable(f"{self.path}: has no key in it")
        return found

    def _replace(self, keys: Mapping[str, bytes]) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._written(keys).replace(self.path)
        except OSError as error:
            raise SecretsUnavailable(f"{self.path}: {error.strerror}") from None

    def _written(self, keys: Mapping[str, bytes]) -> Path:
        """A file beside, complete and on the disk."""
        trial = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as out:
            out.write(HEADER)
            out.writelines(f"{name} {_text(key)}\n" for name, key in keys.items())
            out.flush()
            os.fsync(out.fileno())
        return trial


def key_of(sealed: str) -> str:
    """Id of the key that a value was sealed under. `SecretsUnavailable` for what is no sealed value."""
    version, _, rest = sealed.partition(".")
    name, dot, _ = rest.partition(".")
    if version != VERSION or not dot:
        raise SecretsUnavailable("not a sealed value")
    return name


def _name() -> str:
    return secrets.token_hex(ID_BYTES)


def _place(table: str, column: str, row: int) -> bytes:
    return f"{VERSION} {table} {column} {row}".encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
