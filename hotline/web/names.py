"""Masks a call's transcript for whoever may not see it raw: numbers, the persons' names, addresses."""

from collections.abc import Iterable, Iterator

from hotline.conversation import Intent, Speaker
from hotline.personal import MIN_NAME, NAME_FIELDS, hide, hide_addresses, hide_names
from hotline.store.views import UtteranceView
from hotline.web.masking import TranscriptMask
from workorders.model import WorkOrder
from workorders.queries import OrderQueries


class PersonalMask(TranscriptMask):
    """One call's utterances; masked text is as long as the text. Names may become known later on."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self._names: frozenset[str] = frozenset(names)

    def know(self, names: Iterable[str]) -> bool:
        """Hide these names as well; whether there is a new one among them."""
        more = self._names | {name for name in names if len(name) >= MIN_NAME}
        new, self._names = more != self._names, more
        return new

    def words(self, text: str) -> str:
        """Any text about the call, masked."""
        return hide(text, self._names)

    def add(self, utterance: str, speaker: Speaker, text: str) -> dict[str, str]:
        """Take a final; the utterances whose masked text is new or has changed."""
        return {key: self._veiled(masked) for key, masked in super().add(utterance, speaker, text).items()}

    def growing(self, speaker: Speaker, text: str) -> str:
        """A partial, masked."""
        return self._veiled(super().growing(speaker, text))

    def text(self, utterance: str) -> str | None:
        """An utterance's masked text."""
        masked = super().text(utterance)
        return None if masked is None else self._veiled(masked)

    def span(self, utterance: str, start: int, end: int, fallback: str) -> str:
        """The masked words of a span; `fallback`, masked, for an utterance that is not known."""
        text = self.text(utterance)
        return text[start:end] if text is not None else self.words(fallback)

    def _veiled(self, masked: str) -> str:
        return hide_addresses(hide_names(masked, self._names))


def personal_mask(utterances: Iterable[UtteranceView], names: Iterable[str]) -> PersonalMask:
    """The mask of a stored transcript."""
    whole = PersonalMask(names)
    for view in utterances:
        whole.add(view.utterance, view.speaker, view.text)
    return whole


def names_in(intent: Intent | None, *orders: WorkOrder) -> Iterator[str]:
    """The persons' names that have been understood or written down."""
    for slot in intent.slots if intent is not None else ():
        if slot.name in NAME_FIELDS:
            yield slot.value
    for order in orders:
        for item in order.fields:
            if item.field.name in NAME_FIELDS:
                yield from filter(None, (item.field.value, item.machine_value))


def names_in_forms(orders: OrderQueries, numbers: list[str]) -> dict[str, list[str]]:
    """The persons' names in the forms of some orders. Blocks."""
    found: dict[str, list[str]] = {number: [] for number in numbers}
    for field in NAME_FIELDS:
        for number, name in orders.values(numbers, field).items():
            found[number].append(name)
    return found
