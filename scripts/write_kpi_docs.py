#!/usr/bin/env python3
"""Writes docs/kpi.md from the figures' own definitions; `--check` only says whether it is up to date."""

import sys
from pathlib import Path

from hotline.stats.kpi_document import document

TARGET = Path(__file__).parents[1] / "docs" / "kpi.md"


def main() -> int:
    """Write, or check."""
    text = document()
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
