"""The data an operator edits: sound as shipped, and each broken file told by its name."""

import shutil
from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.rulebook import CALLBACK_FLOW, FLOW, Rulebook

pytestmark = pytest.mark.unit

SHIPPED = Path(__file__).parents[3] / "ivr_flows"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "flows"))


def problems(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        Rulebook.load(folder)
    return "\n".join(caught.value.problems)


def test_what_ships_is_sound_and_every_category_has_a_label() -> None:
    book = Rulebook.load(SHIPPED)
    assert book.folder == SHIPPED
    assert book.flow.start in book.flow.nodes
    assert book.router.categories["labour.wages"]


@pytest.mark.parametrize(
    "name",
    [
        FLOW,
        "intents.yaml",
        "routing.yaml",
        "places.tsv",
        "policies.yaml",
        "slots.yaml",
        "calendar-2026.tsv",
        "prompts/zh-CN.yaml",
    ],
)
def test_a_broken_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"nodes: [}\n\xff")
    assert Path(name).name in problems(folder)


@pytest.mark.parametrize("name", ["intents.yaml", "routing.yaml", "policies.yaml"])
def test_an_absent_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert name in problems(folder)


@pytest.mark.parametrize("name", [FLOW, CALLBACK_FLOW])
def test_without_a_flow_nothing_starts(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert name in problems(folder)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    (folder / "prompts" / "zh-CN.yaml").write_text("a: 1\n", encoding="utf-8")
    (folder / "routing.yaml").write_text("a: 1\n", encoding="utf-8")
    found = problems(folder)
    assert "zh-CN.yaml" in found
    assert "routing.yaml" in found
