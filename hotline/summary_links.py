"""How an order keeps which words each sentence of its summary rests on: as one of its fields (pure).

The field's evidence holds the words of all sentences in a row; its value says how many characters and how
many of these words belong to each, after a checksum of the summary: once a person has rewritten it, the links
no longer hold.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from hotline.conversation import Sentence
from workorders.messages import EvidenceSpan, FieldValue

LINKS = "summary_links"
"""The field's name; no form and no list shows it."""

_VALUE = re.compile(r"(?P<sum>[0-9a-f]{8})(?P<parts>(?:,\d{1,5}:\d{1,4})*)")


@dataclass(frozen=True, slots=True)
class Linked:
    """A sentence of a summary."""

    start: int
    """First character in the summary."""
    end: int
    evidence: tuple[EvidenceSpan, ...]


def links_field(sentences: Sequence[Sentence]) -> FieldValue | None:
    """The field of some sentences; None when no words are known for any of them."""
    words = tuple(
        EvidenceSpan(str(span.utterance), span.start, span.end, span.text)
        for sentence in sentences
        for span in sentence.evidence
    )
    if not words:
        return None
    parts = "".join(f",{len(sentence.text)}:{len(sentence.evidence)}" for sentence in sentences)
    return FieldValue(LINKS, _checksum("".join(each.text for each in sentences)) + parts, "", 1.0, words)


def links_of(summary: str, fields: Sequence[FieldValue]) -> tuple[Linked, ...]:
    """The sentences of a summary with their words; none when it is not the one the links were made for."""
    field = next((each for each in fields if each.name == LINKS), None)
    match = _VALUE.fullmatch(field.value) if field is not None else None
    if field is None or match is None or match["sum"] != _checksum(summary):
        return ()
    linked, start, at = [], 0, 0
    for part in match["parts"].split(",")[1:]:
        length, count = (int(number) for number in part.split(":"))
        linked.append(Linked(start, start + length, field.evidence[at : at + count]))
        start, at = start + length, at + count
    return tuple(linked)


def _checksum(summary: str) -> str:
    return f"{zlib.crc32(summary.encode('utf-8', 'replace')):08x}"
