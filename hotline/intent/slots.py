"""Fills the fields of an order from what the caller said (pure)."""

import re
from dataclasses import dataclass
from datetime import date

from hotline.conversation import Slot
from hotline.intent.dates import find_dates
from hotline.intent.found import Found
from hotline.intent.money import find_amount, find_people
from hotline.intent.parties import Parties
from hotline.intent.passage import Passage
from hotline.intent.phone import find_phone
from hotline.intent.places import Places
from hotline.intent.rules import Misheard, respelt
from hotline.intent.wording import DemandWording, Wording

_CLAUSE = re.compile(r"[^\n\uff0c\u3002\uff01\uff1f\uff1b,.!?;]+")
_LONGEST_DEMAND = 40
"""Characters of a demand that is quoted rather than named."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How a text sounds."""

    sounds: tuple[str, ...]
    """One phonetic key a character."""
    misheard: tuple[Misheard, ...]


@dataclass(frozen=True, slots=True)
class SlotFiller:
    """What it takes to read fields."""

    wording: Wording
    parties: Parties
    places: Places

    def fill(self, passage: Passage, heard: Heard, matter: str, now: date) -> tuple[Slot, ...]:
        """Every field that was told; `matter` is the code of the best matter, `now` the day of the call."""
        text = passage.text
        people = find_people(text, self.wording.people)
        borders = tuple(piece.start for piece in passage.pieces)
        found: dict[str, Found | None] = {
            "caller_name": self.parties.caller(text),
            "phone": find_phone(text, borders, self.wording.phone),
            "place": self.places.find(text, heard.sounds, self.wording.place),
            "amount": find_amount(text, int(people.value) if people else None, self.wording.money),
            "people": people,
            "employer": self.parties.employer(text),
            "counterparty": self.parties.counterparty(text),
            "dates": find_dates(text, now, self.wording.dates),
            "demand": find_demand(respelt(text, heard.misheard), matter, self.wording.demand),
        }
        return tuple(each.slot(name, passage) for name, each in found.items() if each is not None)


def find_demand(text: str, matter: str, wording: DemandWording) -> Found | None:
    """What the caller asks for: one of the list, else what the matter implies, else the asking clause."""
    clauses = [(match.start(), match.end()) for match in _CLAUSE.finditer(text)]
    for label in wording.labels:
        for start, end in clauses:
            if any(word in text[start:end] for word in label.any):
                return Found(label.label, label.label, 0.8, ((start, end),))
    asking = [(start, end) for start, end in clauses if any(word in text[start:end] for word in wording.asks)]
    if matter in wording.by_matter:
        return Found(wording.by_matter[matter], wording.by_matter[matter], 0.4, tuple(asking[-1:]))
    if not asking:
        return None
    start, end = asking[-1]
    said = text[start : min(end, start + _LONGEST_DEMAND)]
    return Found(said, said, 0.5, ((start, end),))
