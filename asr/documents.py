"""A transcript with speakers → JSON, subtitles, plain text or a Word document (pure)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

from asr.docx import document
from asr.numerals import rows_of

FORMATS = ("json", "srt", "vtt", "txt", "docx")
JOIN = 1.5
"""Seconds of silence over which one speaker's utterances stay one turn."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance: seconds, who, standard wording, what the engine wrote, and its confidence."""

    start: float
    end: float
    speaker: str
    text: str
    raw: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was said in a file."""

    file: str
    seconds: float
    utterances: tuple[Spoken, ...]


@cache
def words() -> dict[str, str]:
    """What a transcript says to its reader, by key (lexicon/speakers.tsv)."""
    return {row[0]: row[1] for row in rows_of("speakers.tsv")}


def turns(spoken: Sequence[Spoken]) -> list[Spoken]:
    """Utterances of one speaker that follow each other closely, joined."""
    out: list[Spoken] = []
    for each in spoken:
        last = out[-1] if out else None
        if last and last.speaker == each.speaker and each.start - last.end <= JOIN:
            known = [c for c in (last.confidence, each.confidence) if c is not None]
            sure = min(known) if known else None
            out[-1] = Spoken(
                last.start, each.end, last.speaker, last.text + each.text, last.raw + each.raw, sure
            )
        else:
            out.append(each)
    return out


def as_dict(transcript: Transcript) -> dict[str, object]:
    """The whole transcript for machines; `text` and `raw` are everything that was said."""
    spoken = transcript.utterances
    return {
        "file": transcript.file,
        "seconds": round(transcript.seconds, 2),
        "text": " ".join(each.text for each in spoken if each.text),
        "raw": " ".join(each.raw for each in spoken if each.raw),
        "turns": [asdict(each) for each in turns(spoken)],
        "utterances": [asdict(each) for each in spoken],
    }


def render(transcript: Transcript, form: str) -> bytes:
    """The transcript in one of `FORMATS`, text in UTF-8."""
    heard = [each for each in transcript.utterances if each.text]
    if form == "json":
        return (json.dumps(as_dict(transcript), ensure_ascii=False, indent=2) + "\n").encode()
    if form == "srt":
        return _subtitles(heard, ",").encode()
    if form == "vtt":
        return ("WEBVTT\n\n" + _subtitles(heard, ".")).encode()
    lines = turns(heard)
    if form == "docx":
        return _docx(transcript, lines)
    said = [f"[{clock(each.start)}] {each.speaker}: {each.text}" for each in lines]
    return ("\n".join(said or [words()["empty"]]) + "\n").encode()


def _docx(transcript: Transcript, lines: Sequence[Spoken]) -> bytes:
    say = words()
    head = f"{say['file']}: {transcript.file}    {say['length']}: {clock(transcript.seconds)}"
    rows = [(clock(each.start), each.speaker, each.text) for each in lines]
    rows = rows or [("", "", say["empty"])]
    return document(say["title"], (head, say["notice"]), ((say["time"], say["who"], say["text"]), *rows))


def _subtitles(spoken: Sequence[Spoken], mark: str) -> str:
    return "".join(
        f"{n}\n{_stamp(each.start, mark)} --> {_stamp(each.end, mark)}\n{_cue(each)}\n\n"
        for n, each in enumerate(spoken, 1)
    )


def _cue(spoken: Spoken) -> str:
    """Who and what in one line; an arrow inside a cue would end it (WebVTT, 3.1)."""
    return f"{spoken.speaker}: {' '.join(spoken.text.split())}".replace("-->", "\u2192")


def clock(seconds: float) -> str:
    """H:MM:SS."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _stamp(seconds: float, mark: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"
