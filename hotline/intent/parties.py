"""Finds who calls and whom the call is about: people by name, role or title (pure)."""

from dataclasses import dataclass
from re import Match, Pattern

from hotline.intent.found import Found
from hotline.intent.wording import Wording


@dataclass(frozen=True, slots=True)
class Parties:
    """The wording of names and parties, compiled."""

    wording: Wording
    names: tuple[tuple[Pattern[str], float], ...]
    others: tuple[tuple[Pattern[str], float], ...]

    @classmethod
    def of(cls, wording: Wording) -> "Parties":
        """Compile a wording's templates."""
        return cls(
            wording,
            tuple((wording.compile(each.pattern), each.confidence) for each in wording.name.patterns),
            tuple((wording.compile(each.pattern), each.confidence) for each in wording.counterparty.patterns),
        )

    def caller(self, text: str) -> Found | None:
        """The caller's name, or surname when that is all there is."""
        best: Found | None = None
        for pattern, confidence in self.names:
            for match in pattern.finditer(text):
                found = self._name(match, confidence)
                if found and (best is None or len(found.value) > len(best.value)):
                    best = found
        return best

    def _name(self, match: Match[str], confidence: float) -> Found | None:
        wording = self.wording.name
        said = match["v"]
        given = match.groupdict().get("g")
        name = said + given if given else said
        if name.endswith(wording.never) and len(name) > 1:
            return None
        short = len(name) == 1 or name in wording.compound
        display = wording.surname_only.format(value=name) if short else name
        return Found(name, display, confidence, (match.span(),))

    def counterparty(self, text: str) -> Found | None:
        """The other side: a role with a name when one was said, else a name or a role alone."""
        for pattern, confidence in self.others:
            for match in pattern.finditer(text):
                found = self._party(match, confidence)
                if found is not None:
                    return found
        return None

    def _party(self, match: Match[str], confidence: float) -> Found | None:
        groups = match.groupdict()
        role, name = groups.get("role") or "", groups.get("v") or ""
        if name and name.endswith(self.wording.name.never) and len(name) > 1:
            return None
        if not name or not role:
            return Found(name or role, name or role, confidence, (match.span("v" if name else "role"),))
        if match.end("v") == match.start("role"):
            return Found(name + role, name + role, confidence, (match.span(),))
        wording = self.wording.counterparty
        surname = len(name) == 1 or name in self.wording.name.compound
        display = wording.display_surname if surname else wording.display
        return Found(role + name, display.format(role=role, value=name), confidence, (match.span(),))
