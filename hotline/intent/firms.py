"""Finds the firm, site or shop a call is about, by its name (pure)."""

from hotline.intent.found import Found
from hotline.intent.wording import EmployerWording

_REACH = 16
"""Longest name, in characters, before its last word."""
_NAME_MIN = 2


def find_employer(text: str, wording: EmployerWording) -> Found | None:
    """The firm whose name was told as one ("the firm is called …"), else the first that has a name."""
    for pattern in wording.called:
        for match in pattern.finditer(text):
            name = match["v"]
            if not _is_general(name, wording):
                return Found(name, name, wording.confidence_called, (match.span("v"),))
    best: Found | None = None
    for suffix in sorted(wording.suffix, key=len, reverse=True):
        at = text.find(suffix)
        while at >= 0:
            start, end = _name_start(text, at, wording), at + len(suffix)
            name = text[start:end]
            named = at - start >= _NAME_MIN and not _is_general(name, wording)
            if named and (best is None or start < best.places[0][0]):
                best = Found(name, name, wording.confidence, ((start, end),))
            at = text.find(suffix, end)
    return best


def _name_start(text: str, end: int, wording: EmployerWording) -> int:
    """Where the name that ends before `end` begins: after the last word no name reaches over."""
    start = max(0, end - _REACH)
    for stop in (*wording.stop, "\n"):
        at = text.rfind(stop, start, end)
        if at >= 0:
            start = max(start, at + len(stop))
    for match in wording.place.finditer(text, start, end):
        # "Jintan county Dongliang site": the county is no part of the name, unless nothing else is
        if end - match.end() >= _NAME_MIN:
            start = match.end()
    while cut := _cut(text[start:end], wording):
        start += cut
    return start


def _cut(name: str, wording: EmployerWording) -> int:
    """Characters of a leading word that is no part of a name."""
    return next((len(word) for word in wording.lead if name.startswith(word)), 0)


def _is_general(name: str, wording: EmployerWording) -> bool:
    """Whether nothing is left of a name without words that say what kind of firm it is."""
    rest = name
    for word in sorted((*wording.empty, *wording.suffix), key=len, reverse=True):
        rest = rest.replace(word, "")
    return not rest.strip()
