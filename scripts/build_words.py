#!/usr/bin/env python3
"""Write `asr/lexicon/words.tsv`: common words and characters and their counts, from jieba's dictionary.

`pip install jieba` somewhere and name its `dict.txt`. Words of two to four characters seen at least `--least`
times and every single character are kept.

    python scripts/build_words.py .../site-packages/jieba/dict.txt [--least 60]
"""

import argparse
from pathlib import Path

OUT = Path(__file__).parents[1] / "asr/lexicon/words.tsv"
HEAD = """# Words and how often each was counted: ordinary wording, which phonetic repair leaves alone.
# word<TAB>count. Selected by scripts/build_words.py from jieba 0.42.1 dict.txt (MIT: see words.LICENSE).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("--least", type=int, default=60)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    kept = []
    for line in options.dictionary.read_text(encoding="utf-8").splitlines():
        word, count, *_ = line.split(" ")
        chinese = all("\u4e00" <= char <= "\u9fff" for char in word)
        common = 1 < len(word) <= 4 and int(count) >= options.least
        if chinese and (common or (len(word) == 1 and int(count) >= 5)):
            kept.append((word, int(count)))
    kept.sort(key=lambda row: (-row[1], row[0]))
    options.out.write_text(HEAD + "".join(f"{word}\t{count}\n" for word, count in kept), encoding="utf-8")
    print(f"{options.out}: {len(kept)} words, {options.out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
