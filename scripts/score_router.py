#!/usr/bin/env python3
"""Score the shipped router on the checked sets of `tests/data` (docs/labelling.md): text, and text misheard.

`--noise 0.1` writes a tenth of the Chinese characters as others that sound alike to a Sichuan ear (tones and
zh/z, n/l, ing/in, hu/f … fall together), drawn with a fixed seed from the sets' own characters by frequency.
The classifier is trained
without the test part of the questions, but with their dev part. The questions need the optional TSV of
evaluation data; without it they are left out. `--heard FILE` takes what the recogniser made of every text
behind a telephone line instead (scripts/read_router_sets.py writes the file).

    python scripts/score_router.py [../shared/data/legal/train.tsv] [--part test] [--noise 0.1 | --heard FILE]
"""

import argparse
import csv
import itertools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from asr.audio import UtteranceId
from asr.normalize import normalize
from hotline.conversation import Intent, Speaker, Turn
from hotline.intent.phonetic import keys
from hotline.intent.router import Router
from hotline.yaml_file import read_yaml

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests/data"
TODAY = date(2026, 11, 23)
SEED = 12348
Noise = Callable[[str], str]
Question = tuple[str, list[str], list[str]]
"""Text, acceptable matters, acceptable services."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/legal/train.tsv"))
    parser.add_argument("--part", choices=["dev", "test"], default="test")
    parser.add_argument("--noise", type=float, default=0.0, help="share of characters misheard")
    parser.add_argument("--heard", type=Path, help="what a recogniser heard, text by text")
    parser.add_argument("--show", action="store_true", help="what is wrong; for the dev part only")
    options = parser.parse_args()
    if options.show and options.part == "test":
        parser.error("the test part is not to be looked at")
    router = Router.load(ROOT / "ivr_flows")
    noise = misheard(options.noise) if options.noise else str
    if options.heard:
        noise = heard_in(options.heard)
    print(f"part {options.part}, noise {options.noise:.0%}, heard: {options.heard or 'no, read'}")
    if options.data.is_file():
        asked = questions(options.data, options.part)
        score_questions(router, asked, noise, show=options.show)
    score_calls(router, options.part, noise, show=options.show)
    score_services(router, options.part, noise, show=options.show)
    score_crisis(router, options.part, noise, show=options.show)
    if not options.heard:  # nobody has read these aloud
        score_complaints(router, options.part, noise, show=options.show)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def part_of(text: str) -> str:
    return "dev" if int(digest(text)[15], 16) % 2 else "test"


def is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def misheard(share: float) -> Noise:
    """Writes a share of the characters as others that sound alike; the same text always alike."""
    sets = "".join((DATA / name).read_text("utf-8") for name in ("dialogues.yaml", "crisis.yaml"))
    lexicon = (ROOT / "ivr_flows/intents.yaml").read_text("utf-8")
    alike: dict[str, Counter[str]] = defaultdict(Counter)
    for char, count in Counter(filter(is_chinese, sets + lexicon)).items():
        alike[keys(char)[0]][char] = count

    def write(text: str) -> str:
        dice = random.Random(f"{SEED}{text}")
        chars = list(text)
        for at, char in enumerate(chars):
            if is_chinese(char) and dice.random() < share:
                others = {each: count for each, count in alike[keys(char)[0]].items() if each != char}
                if others:
                    chars[at] = dice.choices(list(others), list(others.values()))[0]
        return "".join(chars)

    return write


def heard_in(file: Path) -> Noise:
    """What a recogniser heard, from the file of scripts/read_router_sets.py."""
    texts: dict[str, str] = json.loads(file.read_text("utf-8"))

    def heard(text: str) -> str:
        if text not in texts:
            raise SystemExit(f"{file} lacks a text of the sets: run scripts/read_router_sets.py again")
        return texts[text]

    return heard


def read(router: Router, said: Sequence[str], noise: Noise) -> Intent | None:
    """What the router makes of utterances, joined and normalised as a call does it."""
    raw = [noise(each) for each in said]
    texts = [normalize(each).text for each in raw]
    offsets = tuple(itertools.accumulate((len(text) + 1 for text in texts[:-1]), initial=0))
    ids = tuple(UtteranceId(f"u{number}") for number in range(len(texts)))
    comma = "\uff0c"
    turn = Turn(Speaker.CALLER, comma.join(texts), comma.join(raw), ids, 0, 16_000, offsets)
    return router.read([turn], now=TODAY)


def questions(data: Path, part: str) -> list[Question]:
    """The labelled questions of a part whose text is in the data."""
    lines = (DATA / "legal_labels.tsv").read_text("utf-8").splitlines()
    rows = {row[0]: row for row in (line.split("\t") for line in lines if not line.startswith("#"))}
    found: list[Question] = []
    with data.open(encoding="utf-8", newline="") as file:
        for each in csv.DictReader(file, delimiter="\t"):
            row = rows.get(digest(each["text"]))
            if row is not None and row[1] == part:
                del rows[row[0]]
                found.append((each["text"], row[2].split(","), row[3].split(",")))
    return found


def tops(codes: Iterable[str]) -> set[str]:
    """The matters without their kinds."""
    return {code.split(".")[0] for code in codes}


def score_questions(router: Router, asked: list[Question], noise: Noise, *, show: bool) -> None:
    """Top-1, top-3 and services; and top-1 of the answers of highest confidence."""
    top1 = top3 = services = unread = 0
    sure: list[tuple[float, bool]] = []
    for text, matters, wanted in asked:
        intent = read(router, [text], noise)
        if intent is None:
            unread += 1
            sure.append((0.0, False))
            continue
        right = bool(tops([intent.matter.code]) & tops(matters))
        top1 += right
        top3 += bool(tops(each.code for each in intent.matters) & tops(matters))
        services += intent.service.code in wanted
        sure.append((intent.matter.confidence, right))
        if show and not right:
            print("   ", digest(text), matters, [each.code for each in intent.matters])
    count = len(asked)
    print(
        f"{count} questions: top-1 {top1 / count:.3f}, top-3 {top3 / count:.3f},"
        f" service {services / count:.3f}, without an answer {unread}"
    )
    sure.sort(key=lambda each: -each[0])
    kept = {share: sure[: max(1, int(count * share))] for share in (0.25, 0.5, 0.75)}
    print(
        "    answering only the surest: "
        + ", ".join(f"{s:.0%} {sum(r for _, r in k) / len(k):.3f}" for s, k in kept.items())
    )


def score_calls(router: Router, part: str, noise: Noise, *, show: bool) -> None:
    """Matters of the dialogues, and F1 of each field."""
    calls = [
        each for each in read_yaml(DATA / "dialogues.yaml")["dialogues"] if part_of(each["say"][0]) == part
    ]
    right: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    top1 = wanted = found = 0
    for call in calls:
        intent = read(router, call["say"], noise)
        said = tops([intent.matter.code]) if intent else set()
        top1 += bool(said & tops([call["matters"][0], *call.get("also", [])]))
        wanted += len(tops(call["matters"]))
        found += len(tops(call["matters"]) & tops(each.code for each in intent.matters)) if intent else 0
        got = {slot.name: slot.value for slot in intent.slots if slot.name != "demand"} if intent else {}
        compare(got, call, (right, extra, lost), show=show)
    print(f"{len(calls)} dialogues: top-1 {top1 / len(calls):.3f}, all matters in top 3 {found / wanted:.3f}")
    names = sorted({*right, *extra, *lost})
    for name in names:
        print(
            f"    {name}: F1 {f1(right[name], extra[name], lost[name]):.3f}"
            f" ({right[name]} right, {extra[name]} too many or wrong, {lost[name]} missed or wrong)"
        )
    print(f"    all fields: F1 {f1(right.total(), extra.total(), lost.total()):.3f}")


def compare(
    got: dict[str, str],
    call: dict[str, Any],
    counts: tuple[Counter[str], Counter[str], Counter[str]],
    *,
    show: bool,
) -> None:
    """Counts a call's fields that are right, too many and missed; a wrong value is both of the latter."""
    right, extra, lost = counts
    for name in {*got, *call["slots"]}:
        has, want = got.get(name), call["slots"].get(name)
        if has == want:
            right[name] += 1
        elif not (name == "counterparty" and want is None):
            extra[name] += has is not None
            lost[name] += want is not None
            if show:
                print("   ", name, "want", want, "got", has, call["say"][0][:24])


def f1(right: int, extra: int, lost: int) -> float:
    return 2 * right / max(1, 2 * right + extra + lost)


def score_services(router: Router, part: str, noise: Noise, *, show: bool) -> None:
    """Recall of each service, averaged: a router that always says the default gets next to nothing."""
    recalls: dict[str, float] = {}
    for code, told in read_yaml(DATA / "services.yaml")["services"].items():
        mine = [said for said in told if part_of(said) == part]
        heard = [intent.service.code if (intent := read(router, [said], noise)) else "" for said in mine]
        if mine:
            recalls[code] = heard.count(code) / len(mine)
        for said, each in zip(mine, heard, strict=True):
            if show and each != code:
                print("   ", code, "got", each, said)
    print(f"services: recall averaged over {len(recalls)} of them {sum(recalls.values()) / len(recalls):.3f}")


def score_crisis(router: Router, part: str, noise: Noise, *, show: bool) -> None:
    """Recall of emergencies of any kind, and false alarms per 1,000 harmless sentences chosen to be hard."""
    crisis = read_yaml(DATA / "crisis.yaml")

    def hits(told: list[str], *, wrong: bool) -> tuple[int, int]:
        mine = [said for said in told if part_of(said) == part]
        heard = [bool(router.alerts(normalize(noise(said)).text)) for said in mine]
        for said, hit in zip(mine, heard, strict=True):
            if show and hit == wrong:
                print("   ", "false alarm" if wrong else "missed", said)
        return sum(heard), len(mine)

    each = {kind: hits(told, wrong=False) for kind, told in crisis["crisis"].items()}
    found, count = sum(hit for hit, _ in each.values()), sum(count for _, count in each.values())
    kinds = ", ".join(f"{kind} {hit}/{count}" for kind, (hit, count) in each.items())
    print(f"crisis: recall {found / count:.3f} ({kinds})")
    false, harmless = hits(crisis["harmless"], wrong=True)
    print(f"    false alarms {false}/{harmless}: {1000 * false / harmless:.0f} per 1,000 hard sentences")


def score_complaints(router: Router, part: str, noise: Noise, *, show: bool) -> None:
    """Ordinary complaints that are taken for emergencies, by a guess or by known wording."""
    groups = read_yaml(DATA / "complaints.yaml")["complaints"]
    told = [said for group in groups.values() for said in group if part_of(said) == part]
    found = [router.alerts(normalize(noise(said)).text) for said in told]
    for said, alerts in zip(told, found, strict=True):
        if show and alerts:
            print("    false alarm", said)
    guessed = sum(any(not alert.sure for alert in alerts) for alerts in found)
    worded = sum(map(bool, found)) - guessed
    print(f"    of {len(told)} ordinary complaints: {guessed} guessed, {worded} marked by wording")


if __name__ == "__main__":
    main()
