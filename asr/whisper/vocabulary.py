"""Whisper's tokens as bytes: which may be written in Chinese, and which tokens made which character (pure).

Whisper writes byte-level BPE (Radford et al., 2019): a token may be half a Chinese character or two of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

END = "<|endoftext|>"
"""First control token: text comes before it."""
_MARKS = frozenset("\u2026\u2014\u201c\u201d\u00b7")
_LEADS = frozenset((0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEF))
"""First bytes of Chinese characters and their punctuation."""


def _spelling() -> dict[str, int]:
    """The character that stands for each byte in vocabulary files (GPT-2's `bytes_to_unicode`)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(0x100) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + n): byte for n, byte in enumerate(rest)}


_BYTES = _spelling()


@dataclass(frozen=True, slots=True)
class Character:
    """A character and the tokens it was written with."""

    text: str
    first: int
    """Index of its first token in the row of tokens."""
    last: int
    """Index of its last token."""


class Vocabulary:
    """Tokens by number."""

    def __init__(self, spelled: Sequence[str]) -> None:
        """`spelled` is the content of vocabulary.json."""
        self._numbers = {text: number for number, text in enumerate(spelled)}
        self.end = self._numbers[END]
        self._bytes = tuple(raw_bytes(text) for text in spelled[: self.end])

    def number(self, control: str) -> int:
        """A control token's number. Raises `KeyError`."""
        return self._numbers[control]

    def text_tokens(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """A row without its control tokens."""
        return tuple(token for token in tokens if token < self.end)

    def encode(self, spelled: Iterable[str]) -> list[int]:
        """Numbers of tokens that a tokenizer has spelled; what the vocabulary lacks is written by bytes."""
        found: list[int] = []
        for text in spelled:
            number = self._numbers.get(text)
            found += [number] if number is not None else [self._numbers[letter] for letter in text]
        return found

    def decode(self, tokens: Iterable[int]) -> str:
        """The text; bytes that make no character are left out."""
        return "".join(each.text for each in self.characters(tokens)).strip()

    def characters(self, tokens: Iterable[int]) -> list[Character]:
        """Characters in order, each with its tokens; bytes that make no character are left out."""
        data, owners = bytearray(), []
        for place, token in enumerate(tokens):
            piece = self._bytes[token] if token < self.end else b""
            data += piece
            owners += [place] * len(piece)
        found, at = [], 0
        while at < len(data):
            size = _length(data[at])
            text = bytes(data[at : at + size]).decode("utf-8", "ignore") if size else ""
            if len(text) != 1:
                at += 1
                continue
            found.append(Character(text, owners[at], owners[at + size - 1]))
            at += size
        return found


def raw_bytes(spelled: str) -> bytes:
    """The bytes of a token as vocabulary files spell it; of a control token: its name's."""
    return bytes(_BYTES[letter] for letter in spelled if letter in _BYTES)


def is_chinese(raw: bytes) -> bool:
    """Whether Chinese text needs this token: characters, their pieces, marks, single Latin letters, digits.

    Longer Latin tokens are left out: what they say can be spelled.
    """
    if len(raw) <= 1:
        return True
    if raw.isascii():
        return len(raw.strip()) <= 1
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return all(byte < 0x80 or byte in _LEADS or 0x80 <= byte < 0xC0 for byte in raw)
    return all(map(_is_written, text))


def _is_written(char: str) -> bool:
    """Chinese characters, and what stands between them."""
    return (
        char.isascii()
        or "\u4e00" <= char <= "\u9fff"
        or "\u3000" <= char <= "\u303f"
        or "\uff00" <= char <= "\uffef"
        or char in _MARKS
    )


def kept(spelled: Sequence[str], controls: frozenset[str], wanted: Callable[[bytes], bool]) -> list[int]:
    """Numbers of the tokens to keep: wanted text and named control tokens, in their order."""
    end = spelled.index(END)
    return [
        number
        for number, text in enumerate(spelled)
        if (wanted(raw_bytes(text)) if number < end else text in controls)
    ]


def _length(lead: int) -> int:
    """Bytes of a character by its first one; 0 for a byte that begins none (RFC 3629 §3)."""
    if lead < 0x80:
        return 1
    if 0xC2 <= lead < 0xE0:
        return 2
    if 0xE0 <= lead < 0xF0:
        return 3
    return 4 if 0xF0 <= lead < 0xF5 else 0
