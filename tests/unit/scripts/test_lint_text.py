"""The text rules: each catches what it is for and lets good files pass."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.unit

SCRIPT = Path(__file__).parents[3] / "scripts" / "lint_text.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lint_text", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LINT = load()
GOOD = '"""A purpose."""\n'
MARK = GOOD + "pytestmark = pytest.mark.unit\n"


def found(name: str, text: str) -> list[str]:
    return list(LINT.problems(name, text, ast.parse(text)))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("hotline/a.py", "x = 1\n", "no docstring"),
        ("hotline/a.py", GOOD + "\n" * 400, "401 lines"),
        ("hotline/a.py", GOOD + "x = '您好'\n", "a.py:2: Chinese"),
        ("asr/a.py", GOOD + "def f():\n" + "    x = 1\n" * 50, "f has 51 lines"),
        ("asr/a.py", GOOD + "q = asyncio.Queue()\n", "Queue without a size"),
        ("asr/a.py", GOOD + "q = Queue(maxsize=0)\n", "Queue without a size"),
        ("asr/a.py", GOOD + "q = queue.SimpleQueue()\n", "SimpleQueue"),
        ("tests/unit/test_a.py", GOOD, "one category"),
        ("tests/unit/test_a.py", MARK.replace("unit", "model"), "one category"),
        (
            "tests/unit/test_a.py",
            GOOD + "pytestmark = [pytest.mark.unit, pytest.mark.e2e]\n",
            "['e2e', 'unit']",
        ),
    ],
)
def test_each_rule_catches(name: str, text: str, problem: str) -> None:
    (one,) = found(name, text)
    assert problem in one


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hotline/a.py", GOOD + "q = asyncio.Queue(10)\nd = deque()\n"),
        ("hotline/a.py", GOOD + "\n" * 399),
        ("scripts/a.py", GOOD + "q = Queue()\n"),
        ("tests/unit/test_a.py", MARK + "x = '您好'\n"),
        ("tests/unit/test_a.py", GOOD + "pytestmark = [pytest.mark.e2e, pytest.mark.model]\n"),
        ("tests/fakes/a.py", GOOD),
    ],
)
def test_good_files_pass(name: str, text: str) -> None:
    assert found(name, text) == []


def test_what_nothing_imports_is_dead_even_when_tests_import_it() -> None:
    files = {
        "hotline/cli.py": "from hotline.call import used",
        "hotline/call/__init__.py": "",
        "hotline/call/used.py": "import hotline.call.also",
        "hotline/call/also.py": "",
        "hotline/call/dead.py": "import hotline.call.dead",
        "hotline/store/migrations/versions/v1.py": "",
        "tests/test_a.py": "import hotline.call.dead",
    }
    trees = {name: ast.parse(text) for name, text in files.items()}
    assert list(LINT.dead(trees)) == ["hotline/call/dead.py: nothing imports it"]


@pytest.mark.parametrize("folder", ["home", "root", "work"])
def test_paths_of_a_machine_are_found_and_addresses_are_not(folder: str) -> None:
    path = f"/{folder}/someone/x".encode()
    assert list(LINT.someones_paths("a.md", b"fine\ncd " + path)) == ["a.md:2: a path of one machine"]
    for fine in (b"https://example.org" + path, b"$BASE" + path, f"/{folder}/".encode(), b"./docs" + path):
        assert list(LINT.someones_paths("a.md", fine)) == []
