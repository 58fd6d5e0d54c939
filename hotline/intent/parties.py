"""Finds who calls and whom the call is about: names, firms, sites, bosses (pure)."""

from dataclasses import dataclass
from re import Match, Pattern

from hotline.intent.found import Found
from hotline.intent.wording import Wording

_REACH = 14
"""Longest name of a firm or site, in characters, before its last word."""


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
        """The other side: a role with a name when one was said, else the role alone."""
        wording = self.wording.counterparty
        for pattern, confidence in self.others:
            match = pattern.search(text)
            if match is None:
                continue
            role, name = match["role"], match.groupdict().get("v")
            if not name:
                return Found(role, role, confidence, (match.span("role"),))
            surname = len(name) == 1 or name in self.wording.name.compound
            if match.start("v") < match.start("role") and match.end("v") == match.start("role"):
                return Found(name + role, name + role, confidence, (match.span(),))
            display = wording.display_surname if surname else wording.display
            return Found(role + name, display.format(role=role, value=name), confidence, (match.span(),))
        return None

    def employer(self, text: str) -> Found | None:
        """The first firm or site that is called by a name."""
        wording = self.wording.employer
        best: Found | None = None
        for suffix in sorted(wording.suffix, key=len, reverse=True):
            at = text.find(suffix)
            while at >= 0:
                start = self._name_start(text, at)
                end = at + len(suffix)
                name = text[start:at]
                if len(name) > 1 and (best is None or start < best.places[0][0]):
                    best = Found(text[start:end], text[start:end], wording.confidence, ((start, end),))
                at = text.find(suffix, end)
        return best

    def _name_start(self, text: str, end: int) -> int:
        """Where the name that ends before `end` begins: after the last word no name reaches over."""
        wording = self.wording.employer
        start = max(0, end - _REACH)
        for stop in (*wording.stop, "\n"):
            at = text.rfind(stop, start, end)
            if at >= 0:
                start = max(start, at + len(stop))
        name = text[start:end]
        cut = next((empty for empty in sorted(wording.empty, key=len, reverse=True) if name == empty), "")
        return start + len(cut)
