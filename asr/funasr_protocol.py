"""What a FunASR server's replies mean (pure): text that grows, text that corrects it, times in milliseconds.

Protocol: FunASR `runtime/docs/websocket_protocol.md`. `...-online` replies are further text as it is heard,
those of `...-offline` correct what came since the last one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asr.audio import SAMPLE_RATE
from asr.errors import EngineFailed
from asr.remote import Broken
from asr.transcript import Word

CHARACTERS_A_SECOND, SPARE_CHARACTERS = 20, 60
"""A server that sends more text than anybody can say in the time is not believed."""
_UNIT = re.compile(r"[A-Za-z0-9']+|[^\W_]")
"""What has one time: a word of Latin letters, or a character; not punctuation."""


def most_characters(samples: int) -> int:
    """Characters that can have been said in so many samples, and some more."""
    return SPARE_CHARACTERS + samples * CHARACTERS_A_SECOND // SAMPLE_RATE


@dataclass(slots=True)
class Replies:
    """What the server has said of one utterance (pure)."""

    name: str
    most: int = SPARE_CHARACTERS
    """Characters that may have been said."""
    lasting: str = ""
    """Corrected text."""
    passing: str = ""
    """What came since, and may be corrected."""
    words: list[Word] = field(default_factory=list)
    ended: bool = False
    """The message read last said that it was the last: `is_end`, or `is_final` where that means the same."""

    @property
    def text(self) -> str:
        """All of it."""
        return self.lasting + self.passing

    def take(self, message: str | bytes, *, final_ends: bool) -> None:
        """Read one message. Raises `Broken` for one that is none."""
        try:
            said = json.loads(message)
        except (ValueError, RecursionError) as error:
            raise Broken("malformed reply") from error
        if not isinstance(said, dict):
            raise Broken("malformed reply")
        name, text, mode = said.get("wav_name", self.name), said.get("text", ""), said.get("mode", "")
        if name != self.name:
            return  # of another utterance: nobody's words may get into another call
        if not isinstance(text, str) or not isinstance(mode, str):
            raise Broken("malformed reply")
        if mode.endswith("offline"):
            self._correct(text, said)
        elif mode.endswith("online"):
            self.passing += text
        if len(self.text) > self.most:
            raise Broken("more text than can have been said")
        self.ended = said.get("is_end") is True or (final_ends and said.get("is_final") is True)

    def _correct(self, text: str, said: dict[str, Any]) -> None:
        self.words += words_of(text, stamps_of(said.get("timestamp")))
        self.lasting += text
        self.passing = ""


def stamps_of(said: Any) -> list[tuple[int, int]]:
    """`"[[100,200],[200,500]]"`, text or already a list → (start, end) in ms; none when it is not that.

    The runtime puts the times of several pieces side by side: `[[…]][[…]]`.
    """
    if isinstance(said, str):
        try:
            said = json.loads(said.replace("]][[", "],["))
        except (ValueError, RecursionError):
            return []
    if not isinstance(said, list):
        return []
    found = []
    for each in said:
        if not isinstance(each, list) or len(each) != 2:
            return []
        if not all(isinstance(ms, int) and not isinstance(ms, bool) and 0 <= ms < 1 << 31 for ms in each):
            return []
        found.append((each[0], each[1]))
    return found


def words_of(text: str, stamps: Sequence[tuple[int, int]]) -> list[Word]:
    """Each character with its time, punctuation with the character before it.

    Where the numbers differ (written numbers, say) the whole text is one run; without times there is none.
    """
    if not stamps or not text.strip():
        return []
    units = list(_UNIT.finditer(text))
    if len(units) != len(stamps):
        return [_word(text.strip(), stamps[0][0], max(end for _, end in stamps))]
    edges = [0, *(unit.start() for unit in units[1:]), len(text)]
    return [_word(text[edges[n] : edges[n + 1]].strip(), *stamps[n]) for n in range(len(units))]


def _word(text: str, start_ms: int, end_ms: int) -> Word:
    step = SAMPLE_RATE // 1_000
    return Word(text, start_ms * step, max(start_ms, end_ms) * step)


def inside(words: Sequence[Word], length: int) -> tuple[Word, ...]:
    """The words cut to an utterance of `length` samples, in order."""
    found: list[Word] = []
    for word in words:
        start = min(max(word.start, found[-1].start if found else 0), length)
        found.append(replace(word, start=start, end=min(max(start, word.end), length)))
    return tuple(found)


def read_hotwords(path: Path | None) -> str:
    """Lines of a word and its weight → the JSON text that the protocol wants. Raises `EngineFailed`."""
    if path is None:
        return ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EngineFailed("funasr: hotwords: the file cannot be read") from error
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, weight = line.strip().rpartition(" ")
        if not word or not weight.isdecimal() or not 1 <= int(weight) <= 100:
            raise EngineFailed(f"funasr: {path.name}:{number}: a word and a weight from 1 to 100")
        found[word.strip()] = int(weight)
    return json.dumps(found, ensure_ascii=False)
