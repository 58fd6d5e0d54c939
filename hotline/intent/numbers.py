"""Finds the identity card of a caller and the number of a case (pure)."""

from re import Match

from hotline.identity import Identity
from hotline.intent.found import Found
from hotline.intent.wording import CaseWording, IdentityWording

_CONTEXT = 24
"""Characters before a number in which words tell whose it is."""
_MISHEARD = 0.05
"""What a number is less certain by for each digit that was only heard to sound like one."""


def find_identity(text: str, identities: tuple[Identity, ...], wording: IdentityWording) -> Found | None:
    """The caller's identity card: the last one called so, else the last one."""
    best: tuple[tuple[bool, int], Found] | None = None
    for each in identities:
        first, last = each.places[0], each.places[-1] + 1
        near = any(word in text[max(0, first - _CONTEXT) : first] for word in wording.words)
        confidence = (0.95 if near else 0.85) - _MISHEARD * each.unsure
        found = Found(each.number, each.number, max(0.1, confidence), ((first, last),))
        if best is None or (near, first) > best[0]:
            best = ((near, first), found)
    return best[1] if best else None


def find_case(text: str, wording: CaseWording) -> Found | None:
    """The last number of a court, arbitration or penalty case, brackets as print has them."""
    found: Found | None = None
    for pattern in wording.patterns:
        for match in pattern.finditer(text):
            if found is None or match.start() > found.places[0][0]:
                number = _written(match, wording)
                found = Found(number, number, 0.9, (match.span(),))
    return found


def _written(match: Match[str], wording: CaseWording) -> str:
    """The number with its year in brackets: those it was written with, else round ones."""
    head, year, tail = (
        "".join(wording.brackets.get(char, char) for char in match[name]) for name in ("head", "year", "tail")
    )
    left, right = match["left"] or "", match["right"] or ""
    opened = wording.brackets.get(left, left) if len(left) == 1 else wording.round[0]
    closed = wording.brackets.get(right, right) if len(right) == 1 else wording.round[1]
    return f"{head}{opened}{year}{closed}{tail}"
