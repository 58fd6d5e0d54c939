"""Checks what no linter knows: no Chinese in code, sizes of files and functions, a docstring a file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
FILE_LINES, FUNCTION_LINES = 400, 50


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


def problems(path: Path) -> list[str]:
    """What is wrong with one Python file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    name = str(path.relative_to(ROOT))
    found = []
    if len(lines) > FILE_LINES:
        found.append(f"{name}: {len(lines)} lines, at most {FILE_LINES}")
    if not name.startswith("tests/"):
        found += [f"{name}:{n}: Chinese text in code" for n, line in enumerate(lines, 1) if CJK.search(line)]
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        found.append(f"{name}: no docstring stating its purpose")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES and not name.startswith("tests/"):
                found.append(
                    f"{name}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
                )
    return found


def main() -> int:
    """Print every problem; 1 when there is one."""
    found = [problem for path in tracked("*.py") for problem in problems(path)]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
