"""Named recordings with what is said in them: our own manifests, and the layouts of published corpora."""

import csv
from dataclasses import dataclass
from pathlib import Path

from asr.errors import AsrError
from asr.evaluate import fold
from asr.files import read_blocks


class BadManifest(AsrError):
    """A list of clips that cannot be read."""

    code = "asr.bad_manifest"


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording, or a part of one, with its text."""

    id: str
    file: Path
    reference: str
    kind: str
    start: float = 0.0
    """Seconds into the file."""
    end: float | None = None
    """Seconds into the file; None: its end."""

    def sound(self) -> bytes:
        """16 kHz s16le mono. Raises `UnreadableAudio`."""
        return b"".join(read_blocks(self.file, self.start, self.end))


def load_clips(source: Path, split: str = "") -> list[Clip]:
    """Clips that have a transcript.

    `source` is a TSV with columns id, file, transcript, and perhaps kind and split (files are found beside
    it), or the folder of a corpus (`asr.corpora` tells its layout), where `split` names a part of it.
    Raises `BadManifest`.
    """
    if source.is_dir():
        from asr.corpora import corpus_clips

        found = corpus_clips(source, split)
    else:
        found = _listed(source, split)
    clips = [each for each in found if fold(each.reference)]
    if not clips:
        raise BadManifest(f"{source}: no clip with a transcript" + (f" in split {split}" if split else ""))
    return clips


def _listed(manifest: Path, split: str) -> list[Clip]:
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadManifest(f"{manifest}: cannot be read as UTF-8 TSV") from error
    if missing := {"id", "file", "transcript"} - set(rows[0] if rows else ()):
        raise BadManifest(f"{manifest}: no column {', '.join(sorted(missing))}")
    return [
        Clip(row["id"], manifest.parent / row["file"], row["transcript"] or "", row.get("kind") or "all")
        for row in rows
        if not split or row.get("split") == split
    ]
