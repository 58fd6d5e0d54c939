"""Fine-tuned weights as a patch on packaged ones."""

import struct
from pathlib import Path

import numpy as np
import pytest

from asr.patch import apply_patch, make_patch
from asr.weights import BadWeights, read_weights, replaced

pytestmark = pytest.mark.unit


def model(**tensors: np.ndarray) -> bytes:
    """A model.bin as CTranslate2 writes it."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    kinds = {"float32": 0, "int8": 1, "float16": 4}
    out = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    for name, array in tensors.items():
        out += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        out += struct.pack("<BI", kinds[str(array.dtype)], array.nbytes) + array.tobytes()
    return out + struct.pack("<I", 1) + text("alias") + text(next(iter(tensors)))


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1)
    return {
        "a": draw.standard_normal((6, 8)).astype(np.float16),
        "b": draw.standard_normal(5).astype(np.float16),
        "c": np.arange(4, dtype=np.int8),
    }


def test_reads_what_was_written(tensors: dict[str, np.ndarray]) -> None:
    found = read_weights(model(**tensors))
    assert set(found) == set(tensors)
    for name, array in tensors.items():
        assert np.array_equal(found[name], array)


def test_nothing_replaced_is_nothing_changed(tensors: dict[str, np.ndarray]) -> None:
    data = model(**tensors)
    assert replaced(data, {}) == data
    assert replaced(data, {"a": tensors["a"], "b": tensors["b"]}) == data


def test_patch_brings_the_tuned_weights(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    data = model(**tensors)
    base = tmp_path / "model.bin"
    base.write_bytes(data)
    draw = np.random.default_rng(2)
    tuned = {name: tensors[name] + 0.01 * draw.standard_normal(tensors[name].shape) for name in "ab"}
    got = read_weights(apply_patch(data, make_patch(base, tuned)))
    for name in "ab":
        assert np.abs(got[name] - tuned[name]).max() < 2e-3  # half precision of the file itself
        assert np.abs(got[name] - tensors[name].astype(np.float32)).max() > 5e-3
    assert np.array_equal(got["c"], tensors["c"])


def test_a_share_goes_part_of_the_way(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    data = model(**tensors)
    base = tmp_path / "model.bin"
    base.write_bytes(data)
    tuned = {"b": tensors["b"].astype(np.float32) + 1.0}
    got = read_weights(apply_patch(data, make_patch(base, tuned, share=0.25)))
    assert np.allclose(got["b"], tensors["b"].astype(np.float32) + 0.25, atol=4e-3)


def test_the_same_training_gives_the_same_bytes(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    base = tmp_path / "model.bin"
    base.write_bytes(model(**tensors))
    tuned = {"a": tensors["a"].astype(np.float32) * 1.1}
    assert make_patch(base, tuned) == make_patch(base, dict(reversed(tuned.items())))


@pytest.mark.parametrize("cut", [0, 3, 20, 60, 120])
def test_a_damaged_base_is_refused(tensors: dict[str, np.ndarray], cut: int) -> None:
    with pytest.raises(BadWeights):
        read_weights(model(**tensors)[:cut])


def test_a_patch_of_another_model_is_refused(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    base = tmp_path / "model.bin"
    base.write_bytes(model(**tensors))
    patch = make_patch(base, {"a": tensors["a"].astype(np.float32) * 2})
    with pytest.raises(BadWeights, match="a"):
        apply_patch(model(b=tensors["b"]), patch)
    with pytest.raises(BadWeights, match="not a patch"):
        apply_patch(model(**tensors), b"nothing of the kind")
    with pytest.raises(BadWeights, match="another shape"):
        replaced(model(**tensors), {"a": np.zeros((2, 2), np.float32)})
    with pytest.raises(BadWeights, match="has no"):
        make_patch(base, {"z": np.zeros(3)})


def test_a_patch_can_be_added_more_than_once(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    data = model(**tensors)
    base = tmp_path / "model.bin"
    base.write_bytes(data)
    tuned = {"a": tensors["a"] + np.float16(0.02)}
    third = make_patch(base, tuned, share=0.3)
    got = read_weights(apply_patch(data, third, 0.5 / 0.3))
    assert np.abs(got["a"] - (tensors["a"] + np.float32(0.01))).max() < 2e-3
    assert apply_patch(data, third, 1.0) == apply_patch(data, third)
