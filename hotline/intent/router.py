"""What a caller said → what the caller wants: matter, service, fields, flags, with the words they rest on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from hotline.conversation import Candidate, Intent, Sentence, Slot, Source, Span, Turn
from hotline.errors import ConfigError
from hotline.intent import classifier, crisis, danger, places
from hotline.intent.classifier import Classifier
from hotline.intent.danger import Danger
from hotline.intent.earshot import Earshot
from hotline.intent.parties import Parties
from hotline.intent.passage import Passage
from hotline.intent.phonetic import keys, legal_terms
from hotline.intent.places import Places
from hotline.intent.policy import Flag, HandOff, Policy, read_policy
from hotline.intent.rules import Misheard, Rules, Score
from hotline.intent.slots import Heard, SlotFiller
from hotline.intent.summary import summary
from hotline.intent.wording import read_wording

TOP = 3
EVIDENCE_MAX = 6
"""An intent shows no more words than this."""

_RULES_HALF = 1.5
"""Total rule score at which rules and classifier weigh the same."""
_RULES_MOST = 0.92
_SHARE_SLACK = 1.0
"""Score kept back for what no rule names, so that one weak word does not look certain."""

_TELLING = 16
"""Characters from which on the classifier is believed: it was trained on whole questions, not greetings."""
_GUESS = 0.3
"""Below this a best guess is worth less: the text is likelier about something else."""
_ASKED = 1.0
"""Score from which on a service counts as asked for; everybody who calls also "wants to ask"."""
OTHER = "other"

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class _Ranking:
    candidates: tuple[Candidate, ...]
    scores: Mapping[str, Score]


class Router:
    """Reads turns; holds only data, so one serves every call."""

    def __init__(self, policy: Policy, slots: SlotFiller, model: Classifier, lookout: crisis.Lookout) -> None:
        self._policy = policy
        self._lookout = lookout
        self._slots = slots
        self._model = model
        self._matters = Rules(policy.matters)
        self._services = Rules(policy.services)
        self._labels = {category.code: category.label for category in (*policy.matters, *policy.services)}
        self._classes = {name: each.code for each in policy.matters for name in each.classes}

    @classmethod
    def load(cls, flows: Path) -> "Router":
        """Read the data in a flow folder. Raises `ConfigError` listing all problems."""
        problems: list[str] = []
        policy = _attempt(lambda: read_policy(flows), problems)
        wording = _attempt(lambda: read_wording(flows), problems)
        divisions = _attempt(lambda: Places.load(flows / places.FILE), problems)
        model = _attempt(lambda: Classifier.load(flows / classifier.FILE), problems)
        hearing = _attempt(lambda: Classifier.load(flows / danger.FILE), problems)
        if policy is None or wording is None or divisions is None or model is None or hearing is None:
            raise ConfigError(problems)
        problems += _unknown_classes(policy, model, flows)
        if problems:
            raise ConfigError(problems)
        guess = policy.crisis_guess
        lookout = crisis.Lookout(
            policy.crisis,
            Earshot.of(policy.crisis),
            Danger(hearing, guess.enough, guess.enough_growing),
        )
        return cls(policy, SlotFiller(wording, Parties.of(wording), divisions), model, lookout)

    @property
    def categories(self) -> Mapping[str, str]:
        """Every matter and service code and its Chinese label."""
        return self._labels

    @property
    def services(self) -> tuple[str, ...]:
        """The codes of services, in the order of the file."""
        return tuple(category.code for category in self._policy.services)

    @property
    def callback(self) -> str:
        """What the order says of a caller who wants to be called back."""
        return self._policy.summary.callback

    @property
    def flags(self) -> Mapping[str, Flag]:
        """Every flag by its code, with label and legal basis."""
        return {flag.code: flag for flag in self._policy.flags}

    def read(self, turns: Sequence[Turn], *, now: date, source: Source = Source.SPEECH) -> Intent | None:
        """What the caller wants so far; None when nothing was said. `now` is the day of the call."""
        passage = Passage.of(turns)
        if not passage.text.strip():
            return None
        sounds = keys(passage.text)
        misheard = legal_terms().find(passage.text, sounds)
        matters = self._rank_matters(passage.text, misheard)
        best = matters.candidates[0]
        slots = self._slots.fill(passage, Heard(sounds, tuple(misheard)), best.code, now)
        flags = self._flags(passage.text, best.code, matters.scores, slots)
        service = self._service(passage.text, misheard, flags)
        services = self._services.score(passage.text, misheard)
        asked = next((score for score in services if score.code == service.code), None)
        return Intent(
            matter=best,
            service=service,
            matters=matters.candidates,
            slots=slots,
            # a matter that no wording speaks for (the classifier's guess) rests on the words of the service
            evidence=_evidence(matters.scores.get(best.code), passage) or _evidence(asked, passage),
            source=source,
            flags=tuple(flag.code for flag in flags) + self._crisis_flag(passage.text),
        )

    def summary(self, turns: Sequence[Turn], intent: Intent | None) -> tuple[Sentence, ...]:
        """A few sentences for the order; without a reading, that the recording must be listened to."""
        return summary(
            turns, intent, self._policy.summary, {code: flag.label for code, flag in self.flags.items()}
        )

    def alerts(self, text: str, *, growing: bool = False) -> tuple[crisis.Alert, ...]:
        """Signs of an emergency, for a person to look at; `growing`: the text is still being said."""
        return self._lookout.alerts(text, growing=growing)

    def hand_offs(self, text: str) -> tuple[HandOff, ...]:
        """Numbers outside this line that what was said may belong to; a person offers them."""
        return tuple(each for each in self._policy.hand_offs if any(word in text for word in each.words))

    # -- matters and services ---------------------------------------------------------------------------

    def _rank_matters(self, text: str, misheard: Sequence[Misheard]) -> _Ranking:
        scores = {score.code: score for score in self._matters.score(text, misheard)}
        total = sum(score.value for score in scores.values())
        trust = min(_RULES_MOST, total / (total + _RULES_HALF))
        shares = {code: trust * score.value / (total + _SHARE_SLACK) for code, score in scores.items()}
        guesses = self._model.probabilities(text)
        telling = min(1.0, sum(map(str.isalnum, text)) / _TELLING, max(guesses.values()) / _GUESS)
        shares[OTHER] = shares.get(OTHER, 0.0) + (1 - trust) * (1 - telling)
        for name, probability in guesses.items():
            code = self._kind(self._classes[name], scores)
            shares[code] = shares.get(code, 0.0) + (1 - trust) * telling * probability
        ranked = sorted(shares.items(), key=lambda item: -item[1])[:TOP]
        return _Ranking(
            tuple(Candidate(code, self._labels[code], round(share, 3)) for code, share in ranked), scores
        )

    @staticmethod
    def _kind(code: str, scores: Mapping[str, Score]) -> str:
        """The kind of a matter that wording speaks for: the classifier knows only the matter itself."""
        kinds = [each for each in scores.values() if each.code == code or each.code.startswith(code + ".")]
        return max(kinds, key=lambda score: score.value).code if kinds else code

    def _service(self, text: str, misheard: Sequence[Misheard], flags: Sequence[Flag]) -> Candidate:
        scores = self._services.score(text, misheard)
        default = self._policy.default_service
        asked = next((score for score in scores if score.code != default and score.value >= _ASKED), None)
        if asked is not None:
            others = sum(score.value for score in scores if score.code != default)
            return self._candidate(asked.code, asked.value / (others + _SHARE_SLACK))
        proposed = next((flag.service for flag in flags if flag.service), None)
        if proposed is not None:
            return self._candidate(proposed, 0.6)
        return self._candidate(default, 0.8 if scores else 0.5)

    def _candidate(self, code: str, confidence: float) -> Candidate:
        return Candidate(code, self._labels[code], round(confidence, 3))

    # -- flags ------------------------------------------------------------------------------------------

    def _flags(
        self, text: str, matter: str, scores: Mapping[str, Score], slots: Sequence[Slot]
    ) -> list[Flag]:
        told = {slot.name: slot.value for slot in slots}
        people, amount = int(told.get("people", 0)), int(told.get("amount", "0").partition("-")[0])
        found = [flag for flag in self._policy.flags if _holds(flag, text, matter, scores, people)]
        codes = {flag.code for flag in found}
        by_sum = [
            flag
            for flag in self._policy.flags
            if flag.amount_min is not None and amount >= flag.amount_min and codes & set(flag.amount_flags)
        ]
        return [flag for flag in self._policy.flags if flag in (*found, *by_sum)]

    def _crisis_flag(self, text: str) -> tuple[str, ...]:
        found = self.alerts(text)
        return ("crisis", *(f"crisis.{alert.code}" for alert in found)) if found else ()


def _holds(flag: Flag, text: str, matter: str, scores: Mapping[str, Score], people: int) -> bool:
    """Whether all of a flag's conditions hold; a matter counts when its wording was heard at all."""
    if not flag.by_words:
        return False
    if flag.matters and matter not in flag.matters and not any(code in scores for code in flag.matters):
        return False
    if flag.words and not any(word in text for word in flag.words):
        return False
    return flag.people_min is None or people >= flag.people_min


def _evidence(score: Score | None, passage: Passage) -> tuple[Span, ...]:
    if score is None:
        return ()
    heaviest = sorted(score.hits, key=lambda hit: -hit.weight)[:EVIDENCE_MAX]
    places = sorted({(hit.start, hit.end) for hit in heaviest})
    return tuple(span for start, end in places for span in passage.spans(start, end))


def _attempt(make: Callable[[], Made], problems: list[str]) -> Made | None:
    try:
        return make()
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _unknown_classes(policy: Policy, model: Classifier, flows: Path) -> list[str]:
    known = {name for category in policy.matters for name in category.classes}
    return [
        f"{flows / classifier.FILE}: its label {label!r} is no class of a matter"
        for label in model.labels
        if label not in known
    ]
