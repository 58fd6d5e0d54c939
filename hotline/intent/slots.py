"""Fills the fields of an order from what the caller said (pure)."""

import re
from dataclasses import dataclass
from datetime import date

from asr.read_out import find_runs
from hotline.conversation import Slot
from hotline.identity import find_identities
from hotline.intent.dates import find_dates
from hotline.intent.firms import find_employer
from hotline.intent.found import Found
from hotline.intent.money import Bearings, find_amount
from hotline.intent.numbers import find_case, find_identity
from hotline.intent.parties import Parties
from hotline.intent.passage import Passage
from hotline.intent.people import find_people
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
        text, wording = passage.text, self.wording
        runs = tuple(find_runs(text))
        identities = tuple(find_identities(runs))
        borders = tuple(piece.start for piece in passage.pieces)
        people = find_people(text, wording.people)
        numbers = {
            "phone": find_phone(text, runs, borders, identities, wording.phone),
            "id_number": find_identity(text, identities, wording.identity),
            "case_number": find_case(text, wording.case),
            "dates": find_dates(text, now, wording.dates),
        }
        taken = tuple(place for each in numbers.values() if each for place in each.places)
        bearings = Bearings(int(people.value) if people else None, taken)
        found: dict[str, Found | None] = {
            "caller_name": self.parties.caller(text),
            **numbers,
            "place": self.places.find(text, heard.sounds, wording.place),
            "amount": find_amount(text, bearings, wording.money),
            "people": people,
            "employer": find_employer(text, wording.employer),
            "counterparty": self.parties.counterparty(text),
            "demand": find_demand(respelt(text, heard.misheard), matter, wording.demand),
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
