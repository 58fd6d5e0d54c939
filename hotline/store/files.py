"""Files on disk by the hash of their content: written whole or not at all, checked whenever they are read."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from hotline.errors import HotlineError

_SHA256 = re.compile(r"[0-9a-f]{64}")


class NoSpace(HotlineError):
    """The disk is full, or so nearly that the rest is kept for calls."""

    code: ClassVar[str] = "file.no_space"
    retryable: ClassVar[bool] = True


class FileLost(HotlineError):
    """The file is gone, or its content is no more what its hash says."""

    code: ClassVar[str] = "file.lost"


class FileStore:
    """A folder of files. Every method blocks."""

    def __init__(self, folder: Path, keep_free: int) -> None:
        """`keep_free`: bytes of the disk that are left for recordings and the database."""
        self._folder = folder
        self._keep_free = keep_free

    def put(self, data: bytes) -> str:
        """Keep a file; its hash. The same content is kept once. Raises `NoSpace`, `FileLost` (no disk)."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.is_file() and path.stat().st_size == len(data):
                os.utime(path)  # somebody is about to name it: see `older`
                return sha256
            if shutil.disk_usage(path.parent).free - len(data) < self._keep_free:
                raise NoSpace("the disk is nearly full")
            self._write(path, data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace("the disk is full") from None
            raise FileLost(f"the file cannot be kept: {error.strerror}") from None
        return sha256

    def get(self, sha256: str) -> bytes:
        """The content, as it was put. Raises `FileLost`."""
        try:
            data = self._path(sha256).read_bytes()
        except OSError:
            raise FileLost("the file is not there") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise FileLost("the file has been changed on the disk")
        return data

    def delete(self, sha256: str) -> bool:
        """Delete a file; whether it was there. Raises `FileLost` when it cannot be."""
        try:
            self._path(sha256).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FileLost(f"a file cannot be deleted: {error.strerror}") from None
        return True

    def older(self, before: datetime) -> list[str]:
        """Hashes of the files that were put before an instant, the last time."""
        return sorted(
            path.name
            for path in self._folder.glob("??/*")
            if _SHA256.fullmatch(path.name) and path.stat().st_mtime < before.timestamp()
        )

    def _write(self, path: Path, data: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part:
            try:
                part.write(data)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name too, before the database says the file is there
        finally:
            os.close(folder)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise FileLost("no hash")
        return self._folder / sha256[:2] / sha256
