"""Imported recordings → transcripts with speakers: finding files, going on after trouble, writing results."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from rich.progress import Progress

from asr.audio import Segment, seconds
from asr.catalog import Catalog
from asr.detectors import SileroDetectors
from asr.diarize import Diarizer, Done, Piece, counted, cut_out, has_two_sides, read_channel
from asr.documents import FORMATS, Spoken, Transcript, as_dict, render, words
from asr.files import UnreadableAudio, endpointing, seconds_of, utterances
from asr.normalize import normalize
from asr.settings import VAD, DiarizeSettings
from asr.speakers.choice import check_diarizer, make_diarizer
from asr.worker import load_engine
from hotline.errors import ConfigError
from hotline.settings import Settings
from hotline.wiring import manifest_path

Tell = Callable[[str], None]
SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif", ".au", ".w64"})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for. `speakers` 0: as many as the voices tell, 1: nobody is told apart."""

    formats: tuple[str, ...] = ()
    output: Path | None = None
    speakers: int = 1
    again: bool = False
    diarizer: str = ""
    """Another than the settings name."""


def checked(formats: Sequence[str], output: Path | None) -> tuple[str, ...]:
    """The formats to write; an output file's ending is one. Raises `ConfigError`."""
    chosen = tuple(formats)
    if not chosen and output is not None:
        ending = output.suffix.removeprefix(".").lower()
        chosen = (ending,) if ending in FORMATS else ("json",)
    if wrong := set(chosen) - set(FORMATS):
        raise ConfigError([f"--format: {', '.join(sorted(wrong))} is none of {', '.join(FORMATS)}"])
    if "docx" in chosen and output is None:
        raise ConfigError([words()["docx"]])
    return chosen


def with_diarizer(settings: Settings, name: str) -> Settings:
    """The settings with another diarizer; as they are without a name. Raises `ConfigError`."""
    if not name:
        return settings
    known = get_args(DiarizeSettings.model_fields["diarizer"].annotation)
    if name not in known:
        raise ConfigError([f"--diarizer: {name} is none of {', '.join(known)}"])
    diarize = settings.asr.diarize.model_copy(update={"diarizer": name})
    return settings.model_copy(update={"asr": settings.asr.model_copy(update={"diarize": diarize})})


def recordings(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are named, folders opened; what does not exist is left in, to be told of."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        else:
            yield path


def targets(paths: Sequence[Path], wishes: Wishes) -> dict[Path, dict[str, Path]]:
    """Where each file's transcripts go; names that would meet keep their own ending or get a number."""
    out: dict[Path, dict[str, Path]] = {}
    if wishes.output is None:
        return {path: {} for path in paths}
    single = wishes.output.suffix.removeprefix(".").lower() in FORMATS and len(paths) == 1
    taken: set[Path] = set()
    for path in paths:
        stems = [wishes.output] if single else [wishes.output / path.stem, wishes.output / path.name]
        stems += [wishes.output / f"{path.name}-{n}" for n in range(2, 2 + len(paths))]
        for stem in stems:
            base = stem.with_suffix("") if single else stem
            files = {form: base.with_name(f"{base.name}.{form}") for form in wishes.formats}
            if taken.isdisjoint(files.values()):
                break
        taken.update(files.values())
        out[path] = files
    return out


def is_done(path: Path, files: dict[str, Path]) -> bool:
    """Every transcript is there and younger than the recording."""
    try:
        changed = path.stat().st_mtime_ns
        return bool(files) and all(each.stat().st_mtime_ns >= changed for each in files.values())
    except OSError:
        return False


class RecordingReader:
    """The line's detector and engine in this process, and who speaks, for whole files."""

    def __init__(self, settings: Settings, speakers: int) -> None:
        """Raises `ModelUnavailable`, `DiarizerUnavailable` or `EngineFailed`."""
        catalog = Catalog.load(manifest_path(), settings.models)
        if speakers != 1:
            check_diarizer(settings.asr.diarize, catalog)  # before hours of work, not after
        options = settings.asr.engine
        weights = options.weights()
        folder = settings.models if weights is None else catalog.path(weights)
        self._engine = load_engine(options, folder, settings.asr.threads)
        self._detectors = SileroDetectors(catalog.path(VAD))
        self._rules = endpointing(settings.asr)
        self._speakers = speakers
        self._catalog, self._settings = catalog, settings.asr
        self._loaded: Diarizer | None = None

    def read(self, path: Path, bars: Progress) -> Transcript:
        """Everything said in a file of any length. Raises `UnreadableAudio` or `ModelUnavailable`."""
        length = seconds_of(path)
        bar = bars.add_task(path.name, total=2 * length)
        try:
            done = partial(bars.advance, bar)
            spoken = self._sides(path, done) if has_two_sides(path) else self._voices(path, done)
        finally:
            bars.remove_task(bar)
        return Transcript(str(path), length, tuple(sorted(spoken, key=lambda each: each.start)))

    def _sides(self, path: Path, done: Done) -> list[Spoken]:
        """A stereo call: left is the caller, right whoever answered."""
        spoken: list[Spoken] = []
        for channel, who in enumerate(("caller", "agent")):
            blocks = counted(read_channel(path, channel), done)
            for segment in utterances(path.name, blocks, self._detectors, self._rules):
                spoken += self._heard(segment, words()[who])
        return spoken

    def _voices(self, path: Path, done: Done) -> list[Spoken]:
        """A mono recording: first who speaks when, then what each says."""
        if self._speakers == 1:
            blocks = counted(read_channel(path, None), done)
            found = utterances(path.name, blocks, self._detectors, self._rules)
            pieces = [Piece(each.start, each.end, 0) for each in found]
        else:
            blocks = read_channel(path, None)
            pieces = self._diarizer().pieces(path.name, blocks, self._speakers or None, done)
        spoken: list[Spoken] = []
        blocks = counted(read_channel(path, None), done)
        for piece, segment in cut_out(path.name, blocks, pieces):
            spoken += self._heard(segment, f"{words()['speaker']} {piece.speaker + 1}")
        return spoken

    def _diarizer(self) -> Diarizer:
        if self._loaded is None:
            self._loaded = make_diarizer(self._settings, self._catalog, self._detectors, self._rules)
        return self._loaded

    def _heard(self, segment: Segment, who: str) -> list[Spoken]:
        begin, end = round(seconds(segment.start), 2), round(seconds(segment.end), 2)
        return [
            Spoken(begin, end, who, normalize(found.text, found.words).text, found.text, found.confidence)
            for found in self._engine.transcribe([segment])
        ]


def transcribe_one(
    reader: RecordingReader, path: Path, files: dict[str, Path], formats: Sequence[str], bars: Progress
) -> Transcript:
    """Read a file and write its transcripts, each whole or not at all; to stdout without `files`."""
    found = reader.read(path, bars)
    for form, target in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.part")
        draft.write_bytes(render(found, form))
        draft.replace(target)
    if not files:
        line = json.dumps(as_dict(found), ensure_ascii=False) + "\n"
        texts = [render(found, form).decode() for form in formats if form != "json"]
        sys.stdout.write("".join(texts) or line)
        sys.stdout.flush()
    return found


def transcribe_all(
    reader: RecordingReader, paths: Sequence[Path], wishes: Wishes, bars: Progress, tell: Tell
) -> tuple[list[Transcript], int]:
    """All files, one bad one not stopping the others: transcripts, and the exit code (1: some failed)."""
    found, skipped, failed, say = [], 0, 0, words()
    for path, files in targets(list(dict.fromkeys(recordings(paths))), wishes).items():
        if not path.exists():
            tell(say["missing"].format(name=path))
            failed += 1
        elif is_done(path, files) and not wishes.again:
            tell(say["skipped"].format(name=path))
            skipped += 1
        else:
            try:
                found.append(transcribe_one(reader, path, files, wishes.formats, bars))
            except UnreadableAudio:
                tell(say["unreadable"].format(name=path))
                failed += 1
    if not found and not skipped and not failed:
        tell(say["nothing"])
        return found, 1
    if wishes.output is not None or failed:
        tell(say["done"].format(done=len(found), skipped=skipped, failed=failed))
    return found, 1 if failed else 0
