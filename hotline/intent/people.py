"""Finds how many people a matter concerns (pure)."""

import re

from hotline.intent.found import Found
from hotline.intent.wording import PeopleWording


def find_people(text: str, wording: PeopleWording) -> Found | None:
    """The largest number told, at least two; of an approximation the least it can mean."""
    best: Found | None = None
    for pattern in wording.patterns:
        for match in pattern.finditer(text):
            found = _found(match, wording)
            if found is not None and (best is None or int(found.value) > int(best.value)):
                best = found
    return best


def _found(match: re.Match[str], wording: PeopleWording) -> Found | None:
    groups = match.groupdict()
    if groups.get("vague"):
        count, exact = wording.vague[groups["vague"]], False
    elif groups.get("a"):
        count, exact = wording.digits[groups["a"]] * wording.digits[groups["u"]], False
    else:
        count, exact = int(groups["n"]), not groups.get("more")
    if count < 2:
        return None
    display = (wording.display if exact else wording.display_more).format(value=count)
    return Found(str(count), display, 0.85 if exact else 0.7, (match.span(),))
