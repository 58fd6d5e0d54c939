#!/usr/bin/env python3
"""Compare our written numbers with WeText's on the cases of `tests/unit/asr/written_numbers.tsv`.

Needs `pip install wetext`. WeText's own style of dates, times and currency is put into ours before comparing,
so that only what was understood counts. Prints both scores and what WeText got differently.

    python scripts/compare_itn.py [--cases FILE] [--show 20]
"""

import argparse
import re
import time
from pathlib import Path

from asr.normalize import normalize

CASES = Path(__file__).parents[1] / "tests/unit/asr/written_numbers.tsv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    from wetext import Normalizer

    theirs = Normalizer(lang="zh", operator="itn")
    lines = options.cases.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    theirs.normalize(rows[0][0])
    ours_right = theirs_right = 0
    ours_s = theirs_s = 0.0
    for raw, written in rows:
        start = time.process_time()
        ours = normalize(raw).text
        middle = time.process_time()
        other = theirs.normalize(raw)
        theirs_s += time.process_time() - middle
        ours_s += middle - start
        ours_right += ours == written
        same = meaning(other) == meaning(written)
        theirs_right += same
        if not same and options.show > 0:
            options.show -= 1
            print(f"{raw}\t{written}\twetext: {other}")
    print(f"{len(rows)} cases: ours {ours_right} ({ours_s / len(rows) * 1e3:.2f} ms each), ", end="")
    print(f"wetext {theirs_right} ({theirs_s / len(rows) * 1e3:.2f} ms each)")


def meaning(text: str) -> str:
    """A text without what is a matter of style: currency words, date and time marks, spaces."""
    text = re.sub(
        r"(\d{4})/(\d{2})/(\d{2})", lambda m: f"{m[1]}\u5e74{int(m[2])}\u6708{int(m[3])}\u65e5", text
    )
    text = re.sub(r"(\d{1,2}):(\d{2})p\.m\.", "\u4e0b\u5348\\1:\\2", text)
    text = re.sub(r"(\d{1,2}):(\d{2})a\.m\.", "\u4e0a\u5348\\1:\\2", text)
    text = text.replace("\u53f7", "\u65e5").replace("\u4e24", "2")
    return re.sub(r"[\s\u00a5\uffe5\u5143]|\u5757\u94b1|\u5757", "", text)


if __name__ == "__main__":
    main()
