"""A field's value as found in a text, before it becomes a slot."""

from dataclasses import dataclass

from hotline.conversation import Slot
from hotline.intent.passage import Passage


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the places in the text it was found in."""

    value: str
    display: str
    confidence: float
    """0..1"""
    places: tuple[tuple[int, int], ...]
    """Half-open character ranges in the passage's text."""

    def slot(self, name: str, passage: Passage) -> Slot:
        """The field with its evidence."""
        evidence = tuple(span for start, end in self.places for span in passage.spans(start, end))
        return Slot(name, self.value, self.display, round(self.confidence, 2), evidence)
