"""Messages between pool and worker: a length, a version, a JSON head, raw audio (pure).

u32 length of what follows | u8 version | u32 length of head | head (JSON) | body (bytes)
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from asr.audio import LegId, Segment, UtteranceId
from asr.errors import WireError
from asr.transcript import Hypothesis, Word

VERSION = 2
LIMIT = 16 << 20
"""Longest message: eight utterances of 28 s are 7 MB."""
_PREFIX = struct.Struct("<I")
_HEAD = struct.Struct("<BI")

Message = tuple[dict[str, Any], bytes]
"""Head and body."""


def encode(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes. `body` and head together must stay under `LIMIT`."""
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    content = _HEAD.pack(VERSION, len(text)) + text + body
    return _PREFIX.pack(len(content)) + content


def content_length(prefix: bytes) -> int:
    """How many bytes follow the four of the prefix. Raises `WireError`."""
    if len(prefix) != _PREFIX.size:
        raise WireError("prefix cut short")
    length: int = _PREFIX.unpack(prefix)[0]
    if not _HEAD.size <= length <= LIMIT:
        raise WireError("message length out of bounds")
    return length


def decode(content: bytes) -> Message:
    """A message from what followed its prefix. Raises `WireError`."""
    if len(content) < _HEAD.size:
        raise WireError("message cut short")
    version, length = _HEAD.unpack_from(content)
    if version != VERSION:
        raise WireError("another version of the protocol")
    text = content[_HEAD.size : _HEAD.size + length]
    if len(text) != length:
        raise WireError("head cut short")
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("head is no JSON") from error
    if not isinstance(head, dict) or not isinstance(head.get("type"), str):
        raise WireError("head is no message")
    return head, content[_HEAD.size + length :]


def request(number: int, segments: Sequence[Segment], *, quick: bool) -> bytes:
    """Ask for hypotheses."""
    rows = [
        {
            "utterance": each.utterance,
            "leg": each.leg,
            "start": each.start,
            "end": each.end,
            "bytes": len(each.pcm),
        }
        for each in segments
    ]
    body = b"".join(each.pcm for each in segments)
    return encode({"type": "read", "id": number, "quick": quick, "segments": rows}, body)


def segments_of(head: dict[str, Any], body: bytes) -> list[Segment]:
    """The segments of a request. Raises `WireError`."""
    segments, at = [], 0
    try:
        for row in head["segments"]:
            length = int(row["bytes"])
            pcm = body[at : at + length]
            if length < 0 or len(pcm) != length:
                raise WireError("audio cut short")
            at += length
            leg, utterance = LegId(str(row["leg"])), UtteranceId(str(row["utterance"]))
            segments.append(Segment(utterance, leg, int(row["start"]), int(row["end"]), pcm))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WireError("segments are malformed") from error
    return segments


def answer(number: int, hypotheses: Sequence[Hypothesis]) -> bytes:
    """Give hypotheses."""
    return encode({"type": "hypotheses", "id": number, "hypotheses": [asdict(each) for each in hypotheses]})


def hypotheses_of(head: dict[str, Any]) -> list[Hypothesis]:
    """The hypotheses of an answer. Raises `WireError`."""
    try:
        return [
            Hypothesis(
                str(row["text"]),
                tuple(
                    Word(str(w["text"]), int(w["start"]), int(w["end"]), _share(w["confidence"]))
                    for w in row["words"]
                ),
                _share(row["confidence"]),
                str(row["guard"]),
            )
            for row in head["hypotheses"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WireError("hypotheses are malformed") from error


def _share(value: Any) -> float | None:
    """A confidence, or None for none."""
    return None if value is None else float(value)
