#!/usr/bin/env python3
"""Print sentences of the training grammar, to look at or to feed to a synthesiser, one a line.

python scripts/show_sentences.py [--count 100] [--seed 1] [--topic wages]
"""

import argparse
import sys

from asr.finetune.sentences import generate


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--topic", action="append", help="only this topic; may be given again")
    asked = parser.parse_args()
    chosen = generate(asked.count, asked.seed, frozenset(asked.topic) if asked.topic else None)
    sys.stdout.writelines(f"{sentence}\n" for sentence in chosen)


if __name__ == "__main__":
    main()
