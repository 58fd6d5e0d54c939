"""Text → syllable keys that do not hear what Sichuan speakers and recognisers mix up (pure).

Tones are dropped; zh/z, ch/c, sh/s, n/l, ing/in, eng/en and hu-/f- fall together. The keys find legal terms
and places that were written with other characters. They are extra evidence: no stored text is rewritten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from asr.numerals import rows_of
from asr.syllables import Key, merged
from hotline.intent.rules import Misheard


def keys(text: str) -> Key:
    """One key a character; a character that is not Chinese is its own key."""
    from pypinyin import lazy_pinyin

    # the library hands over whole runs of other characters; we want one key for each of them
    said: list[str] = lazy_pinyin(text, errors=list)  # type: ignore[arg-type]
    if len(said) != len(text):
        said = [lazy_pinyin(char)[0] for char in text]
    return tuple(merged(syllable) for syllable in said)


@dataclass(frozen=True, slots=True)
class Terms:
    """Legal terms by sound."""

    by_key: dict[Key, str]
    lengths: tuple[int, ...]
    """Longest first."""
    ordinary: frozenset[str]
    """Words that sound like a term and are something else."""

    def find(self, text: str, sounds: Sequence[str]) -> list[Misheard]:
        """Terms that the text sounds like but does not spell; `sounds` are the text's `keys`."""
        found: list[Misheard] = []
        at = 0
        while at < len(text):
            each = self._at(text, sounds, at)
            if each is not None:
                found.append(each)
            at = each.end if each is not None else at + 1
        return found

    def _at(self, text: str, sounds: Sequence[str], at: int) -> Misheard | None:
        for length in self.lengths:
            said = text[at : at + length]
            term = self.by_key.get(tuple(sounds[at : at + length]))
            if term is not None and said != term and said not in self.ordinary:
                return Misheard(term, at, at + length)
        return None


@cache
def legal_terms() -> Terms:
    """The terms of `asr/lexicon/legal_terms.tsv`, read once."""
    rows = rows_of("legal_terms.tsv")
    by_key = {keys(row[0]): row[0] for row in reversed(rows)}
    ordinary = frozenset(word for row in rows for word in row[1].split())
    return Terms(
        by_key, tuple(sorted({len(key) for key in by_key}, reverse=True)), ordinary | {r[0] for r in rows}
    )
