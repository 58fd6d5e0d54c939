"""Successive hypotheses of an utterance → the text that may be promised (pure; local agreement by character).

What two hypotheses in a row agree on from the first character is promised, short of its last characters and
of a number that may still grow (Machacek et al., 2023, "Turning Whisper into Real-Time Transcription
System").
"""

HOLD_BACK = 2
"""Characters at the end of an agreement that are not promised yet."""
_NUMBER = frozenset("0123456789.,%")


class Stabiliser:
    """One utterance."""

    def __init__(self) -> None:
        self.stable = ""
        self._before = ""

    def update(self, text: str) -> tuple[str, str]:
        """Take the next hypothesis; what is promised, and the guess behind it."""
        agreed = _common(self._before, text)
        self._before = text
        agreed = agreed[: len(agreed) - HOLD_BACK] if len(agreed) > HOLD_BACK else ""
        while agreed and agreed[-1] in _NUMBER:
            agreed = agreed[:-1]
        if len(agreed) > len(self.stable) and agreed.startswith(self.stable):
            self.stable = agreed
        tail = text[len(self.stable) :]
        return self.stable, tail

    def broken_by(self, final: str) -> bool:
        """The final says something else than had been promised; marks put into it do not count."""
        return not _said(final).startswith(_said(self.stable))


def _said(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def _common(one: str, other: str) -> str:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return one[:length]
