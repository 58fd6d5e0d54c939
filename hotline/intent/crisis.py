"""Growing text → alerts for a person to look at: recall comes before precision (pure).

A machine never decides and never hangs up on these words; it points them out. Negation is no excuse
("I will not kill myself" is an alert); only fixed harmless wording named in the data is.
"""

from dataclasses import dataclass

from hotline.intent.policy import CrisisKind
from hotline.intent.rules import find_all


@dataclass(frozen=True, slots=True)
class Alert:
    """Words that may tell of an emergency."""

    code: str
    """self_harm, violence, child or threat."""
    label: str
    hand_off: str
    """The number a person may offer or call; the machine dials nothing."""
    start: int
    """First character in the text."""
    end: int
    text: str


def alerts(text: str, kinds: tuple[CrisisKind, ...]) -> tuple[Alert, ...]:
    """The alerts in a text (partial or final), at most one a kind: its first words, longest wording first."""
    found = []
    for kind in kinds:
        excused = [(at, at + len(word)) for word in kind.unless for at in find_all(text, word)]
        places = [
            (at, -len(word), word)
            for word in kind.words
            for at in find_all(text, word)
            if not any(left <= at and at + len(word) <= right for left, right in excused)
        ]
        if places:
            at, _, word = min(places)
            found.append(Alert(kind.code, kind.label, kind.hand_off, at, at + len(word), word))
    return tuple(found)
