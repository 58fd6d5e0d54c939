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
    """self_harm, violence, child, threat or mass."""
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
        excused += [match.span() for each in kind.excuses for match in each.finditer(text)]
        hits = [(at, at + len(word)) for word in kind.words for at in find_all(text, word)]
        hits += [match.span() for each in kind.patterns for match in each.finditer(text)]
        places = [
            (start, -end)
            for start, end in hits
            if not any(left <= start and end <= right for left, right in excused)
        ]
        if places:
            start, end = min(places)
            found.append(Alert(kind.code, kind.label, kind.hand_off, start, -end, text[start:-end]))
    return tuple(found)
