"""Folders of published corpora → clips. The layout is told by the files that are there.

- Kaldi: `wav.scp` and `text`, perhaps `segments`, `key.txt`; WSC-Eval-ASR is such folders, `Easy` and `Hard`
  (ASLP-lab/WSC-Eval), KeSpeech keeps them under `Tasks/ASR` with `utt2subdialect` (Tang et al. 2021);
- AISHELL-1: `transcript/aishell_transcript_v0.8.txt` and `wav/PART/SPEAKER` (OpenSLR 33);
- MagicData: `PART/TRANS.txt` (read speech, OpenSLR 68), `UTTRANSINFO.txt` with `WAV` (MagicHub, scripted),
  or `TXT` with `WAV` (MagicHub, conversations; RAMC).

Texts are taken as they stand: what transcribers put in brackets is kept, marks and stars fall away when texts
are folded, as in the published comparison of WenetSpeech-Chuan.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from asr.clips import BadManifest, Clip

SOUNDS = (".wav", ".flac", ".WAV", ".mp3", ".ogg")
NOISES = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
"""<SPOKEN_NOISE>, [LAUGHTER] and the like: nobody says them."""
TALK = re.compile(r"\[?([\d.]+)\s*,\s*([\d.]+)\]?\t(\S*)\t(?:([^\t]*)\t)?([^\t]*)$")
"""A line of a conversation: [begin,end], speaker, perhaps what is known of him, text."""


def corpus_clips(folder: Path, split: str = "") -> list[Clip]:
    """The clips of a corpus, or of the part of it that `split` names. Raises `BadManifest`."""
    for test, read in LAYOUTS:
        if roots := [each for each in _places(folder) if test(each)]:
            found = [clip for root in roots for clip in read(root, folder)]
            return [each for each in found if not split or split in each.kind.split("/")]
    raise BadManifest(
        f"{folder}: neither Kaldi (wav.scp, text), AISHELL (transcript), MagicData (TRANS.txt, "
        "UTTRANSINFO.txt, TXT) nor KeSpeech (Tasks/ASR)"
    )


def _places(folder: Path) -> list[Path]:
    """The folder and those in it, three deep, in order; folders of sound are not looked into."""
    found, level = [folder], [folder]
    for _ in range(3):
        level = [
            each
            for parent in level
            for each in sorted(parent.iterdir())
            if each.is_dir() and each.name.lower() not in ("wav", "audio", "wave", "txt")
        ][:1_000]
        found += level
    return found


# -- Kaldi, WSC-Eval-ASR, KeSpeech ------------------------------------------------------------------------


def _is_kaldi(folder: Path) -> bool:
    return (folder / "wav.scp").is_file() and (folder / "text").is_file()


def _kaldi(folder: Path, top: Path) -> Iterator[Clip]:
    """One Kaldi folder; `utt2subdialect` is part of the kind, where there is one."""
    files = {name: _sound(folder, top, place) for name, place in _pairs(folder / "wav.scp")}
    texts = dict(_pairs(folder / "text"))
    dialects = dict(_pairs(folder / "utt2subdialect"))
    listed = [name for name, _ in _pairs(folder / "key.txt")] or list(texts)
    spans: dict[str, tuple[str, float, float | None]] = {}
    for name, line in _pairs(folder / "segments"):
        recording, start, end = _three(folder / "segments", line)
        spans[name] = (recording, start, end if end > 0 else None)  # -1: to the end
    kind = "" if folder == top else folder.relative_to(top).as_posix()
    for name in listed:
        recording, begin, until = spans.get(name, (name, 0.0, None))
        if name not in texts or recording not in files:
            raise BadManifest(f"{folder}: {name} has no {'sound' if name in texts else 'text'}")
        of = "/".join(part for part in (kind, dialects.get(name, "")) if part) or "all"
        yield Clip(name, files[recording], NOISES.sub("", texts[name]), of, begin, until)


def _three(file: Path, line: str) -> tuple[str, float, float]:
    try:
        recording, start, end = line.split()
        return recording, float(start), float(end)
    except ValueError as error:
        raise BadManifest(f"{file}: not `utterance recording begin end`: {line}") from error


def _pairs(file: Path) -> list[tuple[str, str]]:
    """Lines of a Kaldi table: a name and the rest; none when there is no such file."""
    if not file.is_file():
        return []
    found = []
    for line in _lines(file):
        name, _, rest = line.strip().partition(" ") if " " in line.strip() else line.strip().partition("\t")
        if name:
            found.append((name, rest.strip()))
    return found


def _sound(folder: Path, top: Path, place: str) -> Path:
    """The file that a line of wav.scp means: made on another machine, its beginning may not be ours."""
    if place.endswith("|"):
        raise BadManifest(f"{folder / 'wav.scp'}: commands are not run; list plain files")
    path = Path(place)
    if path.is_absolute() and path.exists():
        return path
    parts = path.parts[1:] if path.is_absolute() else path.parts
    for base in (folder, top, *folder.parents):
        for begin in range(len(parts)):
            if (found := base.joinpath(*parts[begin:])).is_file():
                return found
        if base == top.parent:
            break
    return folder / path


# -- AISHELL ----------------------------------------------------------------------------------------------


def _is_aishell(folder: Path) -> bool:
    return (folder / "wav").is_dir() and any(folder.glob("transcript/*transcript*.txt"))


def _aishell(folder: Path, top: Path) -> Iterator[Clip]:
    """The kind is the part: train, dev, test."""
    del top
    texts = dict(_pairs(next(iter(sorted(folder.glob("transcript/*transcript*.txt"))))))
    for path in sorted(folder.glob("wav/**/*.wav")):
        if path.stem in texts:
            part = path.relative_to(folder / "wav").parts[0]
            yield Clip(path.stem, path, texts[path.stem], part if part != path.name else "all")


# -- MagicData --------------------------------------------------------------------------------------------


def _is_magic(folder: Path) -> bool:
    return (folder / "TRANS.txt").is_file()


def _magic(folder: Path, top: Path) -> Iterator[Clip]:
    """Columns UtteranceID, SpeakerID, Transcription; sound under the speaker's folder."""
    kind = "all" if folder == top else folder.relative_to(top).as_posix()
    for row in _table(folder / "TRANS.txt", "UtteranceID"):
        if len(row) >= 3:
            path = _nearest(folder, row[0], row[1])
            yield Clip(Path(row[0]).stem, path, NOISES.sub("", " ".join(row[2:])), kind)


def _is_hub(folder: Path) -> bool:
    return (folder / "UTTRANSINFO.txt").is_file()


def _hub(folder: Path, top: Path) -> Iterator[Clip]:
    """Columns CHANNEL, UTTRANS_ID, SPEAKER_ID, PROMPT, TRANSCRIPTION."""
    kind = "all" if folder == top else folder.relative_to(top).as_posix()
    for row in _table(folder / "UTTRANSINFO.txt", "CHANNEL"):
        if len(row) >= 5:
            path = _nearest(folder / "WAV", row[1], row[2])
            yield Clip(Path(row[1]).stem, path, NOISES.sub("", row[4]), kind)


def _is_talk(folder: Path) -> bool:
    return (folder / "TXT").is_dir() and (folder / "WAV").is_dir()


def _talk(folder: Path, top: Path) -> Iterator[Clip]:
    """Long recordings, each line of a file of `TXT` being one utterance of a speaker."""
    kind = "all" if folder == top else folder.relative_to(top).as_posix()
    for file in sorted((folder / "TXT").rglob("*.txt")):
        sound = _nearest(folder / "WAV", file.stem, "")
        for number, line in enumerate(_lines(file), 1):
            if (told := TALK.match(line.strip())) is None:
                raise BadManifest(f"{file}:{number}: not `[begin,end] speaker text`, by tabs")
            if told[3] not in ("0", ""):  # 0: nobody of the two, a noise
                text = NOISES.sub("", told[5])
                yield Clip(f"{file.stem}-{number}", sound, text, kind, float(told[1]), float(told[2]))


def _table(file: Path, head: str) -> Iterator[list[str]]:
    for line in _lines(file):
        row = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
        if row and row[0] != head:
            yield row


def _nearest(folder: Path, name: str, speaker: str) -> Path:
    stem = name if name.endswith(SOUNDS) else ""
    names = [stem] if stem else [name + ending for ending in SOUNDS]
    places = [folder / speaker / each for each in names] + [folder / each for each in names]
    return next((each for each in places if each.is_file()), places[0])


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadManifest(f"{file}: cannot be read as UTF-8") from error


LAYOUTS: tuple[tuple[Callable[[Path], bool], Callable[[Path, Path], Iterator[Clip]]], ...] = (
    (_is_kaldi, _kaldi),
    (_is_aishell, _aishell),
    (_is_magic, _magic),
    (_is_hub, _hub),
    (_is_talk, _talk),
)
