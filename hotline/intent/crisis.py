"""Growing text → alerts for a person to look at: recall comes before precision (pure).

A machine never decides and never hangs up on these words; it points them out. Negation is no excuse
("I will not kill myself" is an alert); only fixed harmless wording named in the data is. Words and patterns
are looked for as written and as they sound; what they miss, a trained classifier may still hear.
"""

from dataclasses import dataclass

from hotline.intent.danger import Danger
from hotline.intent.earshot import Earshot
from hotline.intent.policy import CrisisKind
from hotline.intent.rules import find_all

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Alert:
    """Words that may tell of an emergency."""

    code: str
    """self_harm, violence, child, threat or mass."""
    label: str
    hand_off: str
    """The number a person may offer or call; the machine dials nothing."""
    start: int
    """First character in the text."""
    end: int
    text: str
    sure: bool = True
    """False: no known wording, only a sentence that sounds like one."""


@dataclass(frozen=True, slots=True)
class Lookout:
    """What it takes to notice an emergency."""

    kinds: tuple[CrisisKind, ...]
    earshot: Earshot
    danger: Danger

    def alerts(self, text: str, *, growing: bool = False) -> tuple[Alert, ...]:
        """The alerts in a text, at most one a kind: its first words, longest wording first.

        `growing`: the text is still being said, so that a guess needs more.
        """
        meant = self.earshot.respelt(text)
        found = [alert for kind in self.kinds if (alert := _worded(text, meant, kind)) is not None]
        if not found and (guess := self.danger.find(text, growing=growing)) is not None:
            kind = next((kind for kind in self.kinds if kind.code == guess.kind), self.kinds[0])
            words = text[guess.start : guess.end]
            found.append(
                Alert(kind.code, kind.label, kind.hand_off, guess.start, guess.end, words, sure=False)
            )
        return tuple(found)


def _worded(text: str, meant: str, kind: CrisisKind) -> Alert | None:
    """The first known wording of a kind; `meant`: the text respelt, as long as the text."""
    texts = (text,) if meant == text else (text, meant)
    excused = {place for each in texts for place in _excuses(each, kind)}
    places = [
        (start, -end)
        for each in texts
        for start, end in _hits(each, kind)
        if not any(left <= start and end <= right for left, right in excused)
    ]
    if not places:
        return None
    start, end = min(places)
    return Alert(kind.code, kind.label, kind.hand_off, start, -end, text[start:-end])


def _hits(text: str, kind: CrisisKind) -> list[Place]:
    hits = [(at, at + len(word)) for word in kind.words for at in find_all(text, word)]
    return hits + [match.span() for each in kind.patterns for match in each.finditer(text)]


def _excuses(text: str, kind: CrisisKind) -> list[Place]:
    excused = [(at, at + len(word)) for word in kind.unless for at in find_all(text, word)]
    return excused + [match.span() for each in kind.excuses for match in each.finditer(text)]
