"""Takes what a caller says when asked how satisfied they are for a mark (pure)."""

from collections.abc import Mapping, Sequence


def mark(text: str, raw: str, words: Mapping[int, Sequence[str]]) -> int | None:
    """The mark whose words were said, 1 to 5; None when none were.

    The longest words count, so that a denial is not taken for what it denies; of equally long ones the last
    said. `text` is the normalised wording, `raw` the caller's own, which dialect words are looked for in.
    """
    found = [
        (len(word), said.rfind(word), value)
        for value, each in words.items()
        for word in each
        for said in (text, raw)
        if word in said
    ]
    return max(found)[2] if found else None
