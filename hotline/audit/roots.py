"""Signed roots: once a day the head of the chain, signed with Ed25519, for people outside to keep.

A root's body is canonical JSON: `number` (1, 2, 3, …), `day` (Asia/Shanghai; the last day it covers), `seq`
and `hash` of the chain's last entry, `at` (UTC), `prev` (SHA-256 of the body before, zeros for the first) and
`key` (SHA-256 of the public key). A line of a roots file is `{"root": body, "signature": hexadecimal}`.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, Engine, insert, select

from hotline.audit.chain import GENESIS, canonical
from hotline.errors import HotlineError
from hotline.store.engine import reading, writing
from hotline.store.tables import audit_chain, audit_roots
from hotline.store.views import LOCAL, local_midnight

FILE = "roots-{year}.jsonl"
FILES = "roots-*.jsonl"
PUBLIC = ".pub"
"""What the public key's file is called more than the private one's."""
MAX_FILE = 16 * 1024 * 1024


class KeyUnusable(HotlineError):
    """A key cannot be made, read or trusted; the message says which file and why."""

    code = "hotline.audit_key"


@dataclass(frozen=True, slots=True)
class Root:
    """One signed root."""

    number: int
    day: str
    seq: int
    hash: str
    at: str
    prev: str
    key: str
    body: bytes
    """What is signed."""
    signature: bytes

    @property
    def line(self) -> bytes:
        """As it stands in a roots file."""
        return canonical({"root": json.loads(self.body), "signature": self.signature.hex()})


def make_key(path: Path) -> Path:
    """Make a key, readable by its owner alone, and the public one beside it; the public one's path.

    Raises `KeyUnusable`, also when there is a file already: a key that has signed is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    beside = path.with_name(path.name + PUBLIC)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, content, mode in ((path, private, 0o600), (beside, public, 0o644)):
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
                out.write(content)
    except FileExistsError as error:
        raise KeyUnusable(f"{error.filename} is there already; a key is never overwritten") from None
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    return beside


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key. Raises `KeyUnusable`, also for a file that others may read."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(f"{path}: others may read it; chmod 600")
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise KeyUnusable(f"{path}: no private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{path}: not an Ed25519 key")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key. Raises `KeyUnusable`."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    except ValueError:
        raise KeyUnusable(f"{path}: no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"{path}: not an Ed25519 key")
    return key


def key_name(key: Ed25519PublicKey) -> str:
    """What roots call a key: the SHA-256 of its 32 bytes."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


class Signer:
    """Signs the chain's head into the database and a folder. Methods block and raise `StoreError`."""

    def __init__(self, engine: Engine, key: Ed25519PrivateKey, folder: Path) -> None:
        self._engine = engine
        self._key = key
        self._folder = folder

    def sign_due(self, now: datetime) -> Root | None:
        """Sign yesterday's end (Asia/Shanghai) unless that is done or nothing has been sealed since."""
        day = now.astimezone(LOCAL).date() - timedelta(days=1)
        return self._sign(day.isoformat(), local_midnight(day + timedelta(days=1)), now, once=True)

    def sign_now(self, now: datetime) -> Root | None:
        """Sign the head as it is; None for a chain without entries."""
        return self._sign(now.astimezone(LOCAL).date().isoformat(), now, now, once=False)

    def _sign(self, day: str, before: datetime, now: datetime, *, once: bool) -> Root | None:
        with writing(self._engine) as connection:
            last = next(iter(_stored(connection, last=True)), None)
            if once and last is not None and last.day >= day:
                return None
            head = (
                select(audit_chain.c.seq, audit_chain.c.hash)
                .where(audit_chain.c.sealed_at < before)
                .order_by(audit_chain.c.seq.desc())
                .limit(1)
            )
            row = connection.execute(head).one_or_none()
            if row is None or (once and last is not None and last.seq >= row.seq):
                return None
            root = self._made(last, day, (row.seq, row.hash), now)
            connection.execute(
                insert(audit_roots).values(
                    number=root.number,
                    day=day,
                    body=root.body.decode(),
                    signature=root.signature.hex(),
                )
            )
        self.export()
        return root

    def _made(self, last: Root | None, day: str, head: tuple[int, str], now: datetime) -> Root:
        body = canonical(
            {
                "number": last.number + 1 if last is not None else 1,
                "day": day,
                "seq": head[0],
                "hash": head[1],
                "at": now.astimezone(UTC),
                "prev": hashlib.sha256(last.body).hexdigest() if last is not None else GENESIS,
                "key": key_name(self._key.public_key()),
            }
        )
        return _root(body, self._key.sign(body))

    def export(self) -> int:
        """Append to the folder's files what they lack; how many roots. Raises `KeyUnusable`."""
        there = {root.number for root in read_roots(self._folder)} if self._folder.is_dir() else set()
        missing = [root for root in stored_roots(self._engine) if root.number not in there]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for root in missing:
                with (self._folder / FILE.format(year=root.day[:4])).open("ab") as out:
                    out.write(root.line + b"\n")
                    out.flush()
                    os.fsync(out.fileno())
        except OSError as error:
            raise KeyUnusable(f"{self._folder}: {error.strerror}") from None
        return len(missing)


def stored_roots(engine: Engine) -> list[Root]:
    """All roots in the database, oldest first. Raises `StoreError`."""
    with reading(engine) as connection:
        return list(_stored(connection))


def read_roots(folder: Path) -> list[Root]:
    """All roots in a folder's files, by number. Raises `KeyUnusable` for what is no roots file."""
    found = []
    for file in sorted(folder.glob(FILES)):
        try:
            if file.stat().st_size > MAX_FILE:
                raise KeyUnusable(f"{file}: too large for a roots file")
            lines = file.read_bytes().splitlines()
            found += [_from_line(line) for line in lines if line.strip()]
        except OSError as error:
            raise KeyUnusable(f"{file}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise KeyUnusable(f"{file}: not a roots file") from None
    return sorted(found, key=lambda root: root.number)


def broken_roots(roots: Iterable[Root], public: Ed25519PublicKey | None) -> Iterator[tuple[int, str]]:
    """Numbers of roots that are not what they say, and why: chained wrongly, or not signed with the key."""
    before: Root | None = None
    for root in roots:
        expected = hashlib.sha256(before.body).hexdigest() if before is not None else GENESIS
        number = before.number + 1 if before is not None else 1
        if root.number != number or root.prev != expected:
            yield root.number, "root_missing" if root.number > number else "root_reordered"
        if public is not None:
            try:
                public.verify(root.signature, root.body)
            except InvalidSignature:
                yield root.number, "root_signature"
        before = root


def _stored(connection: Connection, *, last: bool = False) -> Iterator[Root]:
    asked = select(audit_roots).order_by(audit_roots.c.number)
    if last:
        asked = select(audit_roots).order_by(audit_roots.c.number.desc()).limit(1)
    for row in connection.execute(asked):
        yield _root(row.body.encode(), bytes.fromhex(row.signature))


def _from_line(line: bytes) -> Root:
    whole = json.loads(line)
    return _root(canonical(whole["root"]), bytes.fromhex(whole["signature"]))


def _root(body: bytes, signature: bytes) -> Root:
    said: dict[str, Any] = json.loads(body)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", said["day"]):
        raise ValueError("not a day")
    return Root(
        int(said["number"]),
        said["day"],
        int(said["seq"]),
        str(said["hash"]),
        str(said["at"]),
        str(said["prev"]),
        str(said["key"]),
        body,
        signature,
    )
