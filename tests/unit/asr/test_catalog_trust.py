"""Weights whose hash nobody knows yet: taken only when told to, and held to what they were."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr import sources
from asr.catalog import Catalog
from asr.errors import ModelUnavailable
from asr.model_lock import NAME, Trust

pytestmark = pytest.mark.unit

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FIRST = Trust(first_use=True)


def catalog(tmp_path: Path, kind: str = "folder", content: bytes = CONTENT) -> Catalog:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "model.onnx").write_bytes(content)
    (source / "tokens.txt").write_bytes(b"a 0\n")
    where = f'folder = "{source}"' if kind == "folder" else 'url = "https://models.example/toy.tar.bz2"'
    (tmp_path / "manifest.toml").write_text(
        f"""
[[model]]
name = "toy"
engine = "sherpa_batch"
licence = "MIT"
page = "https://models.example/toy"
kind = "{kind}"
{where}
[[model.file]]
path = "model.onnx"
{'members = ["toy/model.onnx"]' if kind == "archive" else ""}
bytes = 7000
[[model.file]]
path = "tokens.txt"
{'members = ["toy/tokens.txt"]' if kind == "archive" else ""}
sha256 = "{hashlib.sha256(b"a 0" + bytes([10])).hexdigest()}"
bytes = 4
""",
        encoding="utf-8",
    )
    return Catalog.load(tmp_path / "manifest.toml", tmp_path / "models")


def test_without_trust_it_says_what_to_do_and_fetches_nothing(tmp_path: Path) -> None:
    said = r"no SHA-256 for model\.onnx: .*https://models\.example/toy.*--sha256.*--trust-on-first-use"
    with pytest.raises(ModelUnavailable, match=said):
        catalog(tmp_path).fetch("toy")
    assert not (tmp_path / "models").exists()


def test_what_came_first_is_held_to(tmp_path: Path) -> None:
    toys = catalog(tmp_path)
    folder = toys.fetch("toy", trust=FIRST)
    lock = json.loads((tmp_path / "models" / NAME).read_text())["toy"]
    assert lock["files"]["model.onnx"] == SHA256
    assert toys.path("toy") == folder
    toys.verify("toy")
    (folder / "model.onnx").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(ModelUnavailable, match="not what the lock says"):
        toys.path("toy")


def test_another_file_later_is_refused_even_when_trusted(tmp_path: Path) -> None:
    folder = catalog(tmp_path).fetch("toy", trust=FIRST)
    for each in folder.iterdir():
        each.unlink()
    with pytest.raises(ModelUnavailable, match="another hash"):
        catalog(tmp_path, content=b"someone else's").fetch("toy", trust=FIRST)
    assert catalog(tmp_path).fetch("toy") == folder  # the lock is trust enough for the same file


def test_a_hash_that_is_given_is_held_to_at_once(tmp_path: Path) -> None:
    toys = catalog(tmp_path)
    with pytest.raises(ModelUnavailable, match="another hash"):
        toys.fetch("toy", trust=Trust({"model.onnx": "0" * 64}))
    assert not toys.has("toy")
    assert not (tmp_path / "models" / NAME).exists()
    toys.fetch("toy", trust=Trust({"model.onnx": SHA256}))
    assert toys.pinned("toy")["model.onnx"] == SHA256


def test_given_hashes_must_be_of_files_and_agree_with_what_is_known(tmp_path: Path) -> None:
    toys = catalog(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"has no file x \(model\.onnx, tokens\.txt\)"):
        toys.fetch("toy", trust=Trust({"x": SHA256}))
    with pytest.raises(ModelUnavailable, match="another SHA-256 is already known"):
        toys.fetch("toy", trust=Trust({"tokens.txt": SHA256}, first_use=True))


def test_a_folder_given_by_hand_goes_before_the_source(tmp_path: Path) -> None:
    toys = catalog(tmp_path, kind="archive")
    folder = toys.fetch("toy", trust=FIRST, source=tmp_path / "source")
    assert (folder / "model.onnx").read_bytes() == CONTENT
    with pytest.raises(ModelUnavailable, match="no such folder"):
        catalog(tmp_path / "source", kind="archive").fetch("toy", trust=FIRST, source=tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["{", "[]", '{"toy": 5}', '{"toy": {"files": {"a": 1}}}', "\xff"])
def test_a_broken_lock_is_named_and_not_overwritten(tmp_path: Path, content: str) -> None:
    toys = catalog(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / NAME).write_text(content, encoding="latin-1")
    with pytest.raises(ModelUnavailable, match=NAME):
        toys.fetch("toy", trust=FIRST)
    assert (tmp_path / "models" / NAME).read_text(encoding="latin-1") == content


def packed(names: dict[str, bytes], mode: str = "w:bz2") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def served(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str) -> Iterator[bytes]:
        assert url == "https://models.example/toy.tar.bz2"
        yield content[:100]
        yield content[100:]

    monkeypatch.setattr(sources, "download", download)


WHOLE = {"toy/README.md": b"hello", "../evil": b"!", "toy/tokens.txt": b"a 0\n", "toy/model.onnx": CONTENT}


@pytest.mark.parametrize("mode", ["w:bz2", "w:gz", "w:xz", "w"])
def test_an_archive_gives_its_members_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    served(packed(WHOLE, mode), monkeypatch)
    seen: list[tuple[int, int]] = []
    folder = catalog(tmp_path, kind="archive").fetch(
        "toy", lambda done, total: seen.append((done, total)), trust=FIRST
    )
    assert sorted(each.name for each in folder.iterdir()) == [".verified.json", "model.onnx", "tokens.txt"]
    assert (folder / "model.onnx").read_bytes() == CONTENT
    assert all(0 <= done <= total == 7_004 for done, total in seen)


@pytest.mark.parametrize("mode", ["w:bz2", "w:gz", "w:xz"])
def test_an_archive_cut_short_or_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    whole = packed(WHOLE, mode)
    for content in (
        whole[: len(whole) // 2],
        b"no archive at all" * 20,
        whole[:60] + b"\0" * 40 + whole[100:],
    ):
        served(content, monkeypatch)
        with pytest.raises(ModelUnavailable, match=r"toy\.tar\.bz2: no archive|is no file of the archive"):
            catalog(tmp_path, kind="archive").fetch("toy", trust=FIRST)
    served(packed({"toy/tokens.txt": b"a 0\n"}, mode), monkeypatch)
    with pytest.raises(ModelUnavailable, match=r"toy/model\.onnx is no file of the archive"):
        catalog(tmp_path, kind="archive").fetch("toy", trust=FIRST)
