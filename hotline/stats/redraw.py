"""Draws a day's sample again from what was kept of the draw: does the same come out?"""

from dataclasses import dataclass

from sqlalchemy import Engine

from hotline.stats.quality import Drawn, Quality, chance


@dataclass(frozen=True, slots=True)
class Redraw:
    """A day's draw beside the same one made anew.

    What can be made anew is the chance: with the seed, the calls there were, and those the rules named, the
    rest of the sample follows. Whether the rules named them rightly cannot: marks and flags are those of the
    moment of the draw, and have changed since. A named call stands in the sample with the rules' ids.
    """

    kept: bool
    """Whether the calls there were are known; not of days drawn before they were kept."""
    seed: str
    drawn_from: tuple[str, ...]
    named: tuple[str, ...]
    """By rules."""
    drawn: tuple[str, ...]
    """By chance, as the sample has it."""
    chance: tuple[str, ...]
    """By chance, drawn anew; empty when it cannot be."""

    @property
    def same(self) -> bool:
        """Whether exactly the sample's calls come out, all of them among those there were."""
        return self.kept and self.drawn == self.chance and set(self.named) <= set(self.drawn_from)


def redraw(engine: Engine, day: int) -> Redraw | None:
    """Draw the day (days since 1970) again; None when it has not been drawn. Blocks; raises `StoreError`."""
    found = Quality(engine).drawn(day)
    return None if found is None else redrawn(found)


def redrawn(found: Drawn) -> Redraw:
    """The same of a draw that was read (pure)."""
    named = _ids(found, by_rules=True)
    drawn = _ids(found, by_rules=False)
    again = chance(found.drawn_from, named, len(drawn), found.seed)
    return Redraw(found.kept, found.seed, found.drawn_from, named, drawn, tuple(sorted(again)))


def _ids(found: Drawn, *, by_rules: bool) -> tuple[str, ...]:
    return tuple(sorted(row.call_id for row in found.samples if bool(row.reasons) is by_rules))
