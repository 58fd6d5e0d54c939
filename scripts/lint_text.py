"""Checks what no linter knows: sizes, Chinese in code, queues, test categories, dead modules, paths."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
FILE_LINES, FUNCTION_LINES = 400, 50
PACKAGES = ("hotline", "asr", "workorders")
CATEGORIES = {"unit", "contract", "integration", "e2e"}
ENTRIES = {"hotline.__main__", "hotline.cli", "hotline.robot.worker"}
"""Modules that are started, not imported."""
QUEUES = {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
SOMEONES = re.compile(rb"(?<![\w.<>$}~-])/(?:work|home|root)/[A-Za-z0-9_.]")
"""A path of some developer's machine, not one inside a URL or below a variable."""
BINARY = {".npz", ".png", ".wav", ".ico", ".woff2"}


def tracked(*patterns: str) -> list[Path]:
    """Files git knows (or would, if added) under the patterns."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in names.stdout.split() if (ROOT / name).is_file()]


def problems(name: str, text: str, tree: ast.Module) -> Iterator[str]:
    """What is wrong with one Python file; `name` is relative to the root."""
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield f"{name}: {len(lines)} lines, at most {FILE_LINES}"
    if not ast.get_docstring(tree):
        yield f"{name}: no docstring stating its purpose"
    if name.startswith("tests/"):
        if Path(name).name.startswith("test_"):
            yield from category(name, tree)
        return
    yield from (f"{name}:{n}: Chinese text in code" for n, line in enumerate(lines, 1) if CJK.search(line))
    yield from long_functions(name, tree)
    if name.startswith(PACKAGES):
        yield from unbounded(name, tree)


def long_functions(name: str, tree: ast.Module) -> Iterator[str]:
    """Functions that nobody can take in at once."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def unbounded(name: str, tree: ast.Module) -> Iterator[str]:
    """Queues made without a size, or with none: a slow reader would fill the memory."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            made = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            sizes = [*node.args, *(word.value for word in node.keywords)]
            endless = any(isinstance(size, ast.Constant) and size.value in {0, -1} for size in sizes)
            if made in QUEUES and (made == "SimpleQueue" or not sizes or endless):
                yield f"{name}:{node.lineno}: {made} without a size"


def category(name: str, tree: ast.Module) -> Iterator[str]:
    """A test module says once, for all its tests, which kind they are."""
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(one) == "pytestmark" for one in node.targets):
            found += [
                each.attr
                for each in ast.walk(node.value)
                if isinstance(each, ast.Attribute) and each.attr in CATEGORIES
            ]
    if len(found) != 1:
        yield f"{name}: needs one category in pytestmark, has {sorted(found)}"


def module_of(name: str) -> str:
    """`hotline/call/cues.py` → `hotline.call.cues`; a package is its `__init__`'s."""
    return name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that a file may import; `from a import b` may mean a module `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dead(trees: dict[str, ast.Module]) -> Iterator[str]:
    """Modules of the packages that no other file of the packages and scripts reaches."""
    wanted = set(ENTRIES)
    for name, tree in trees.items():
        if not name.startswith("tests/"):
            wanted |= set(imported(tree)) - {module_of(name)}
    for name in trees:
        ours = name.startswith(tuple(f"{package}/" for package in PACKAGES))
        loaded_by_name = name.endswith("__init__.py") or "/migrations/" in name or "/engines/" in name
        if ours and not loaded_by_name and module_of(name) not in wanted:
            yield f"{name}: nothing imports it"


def someones_paths(name: str, data: bytes) -> Iterator[str]:
    """Lines that name a folder of one developer's machine."""
    for number, line in enumerate(data.splitlines(), 1):
        if SOMEONES.search(line):
            yield f"{name}:{number}: a path of one machine"


def main() -> int:
    """Print every problem; 1 when there is one."""
    found: list[str] = []
    trees: dict[str, ast.Module] = {}
    for path in tracked("*.py"):
        name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        trees[name] = ast.parse(text)
        found += problems(name, text, trees[name])
    found += dead(trees)
    for path in tracked():
        if path.suffix not in BINARY:
            found += someones_paths(str(path.relative_to(ROOT)), path.read_bytes())
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
