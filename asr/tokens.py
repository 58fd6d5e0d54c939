"""Whisper's tokens: text and control tokens as numbers, by the model's own tokenizer.json."""

import re
from pathlib import Path

from asr.errors import ModelUnavailable

PROMPT = Path(__file__).parent / "lexicon" / "whisper_prompt.txt"
KEPT = re.compile("[^\u3400-\u9fff0-9A-Za-z]+")


class Tokens:
    """Rows of tokens to learn from."""

    def __init__(self, folder: Path, language: str = "zh") -> None:
        """`folder` holds tokenizer.json. Raises `ModelUnavailable`."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:
            raise ModelUnavailable(f"{folder}: no tokenizer.json that can be read") from error
        names = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        numbers = [self._tokenizer.token_to_id(name) for name in (*names, "<|startofprev|>", "<|endoftext|>")]
        known: list[int] = [number for number in numbers if number is not None]
        if len(known) != len(numbers):
            raise ModelUnavailable(f"{folder}: tokenizer.json is not Whisper's")
        self._start, self._previous, self.end = known[:4], known[4], known[5]
        self._prompt = self.encode(" " + PROMPT.read_text(encoding="utf-8").strip())

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without control tokens."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def row(self, text: str, *, prompted: bool) -> tuple[list[int], int]:
        """Control tokens, text without punctuation and the end; and how many of them are given."""
        given = [*([self._previous, *self._prompt] if prompted else []), *self._start]
        return [*given, *self.encode(KEPT.sub("", text)), self.end], len(given)
