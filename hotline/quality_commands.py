"""What the commands of `hotline quality` do."""

from dataclasses import dataclass
from datetime import date

from hotline.settings import Settings
from hotline.stats.days import day_number
from hotline.stats.redraw import Redraw, redraw
from hotline.wiring import open_database


@dataclass(frozen=True, slots=True)
class Checked:
    """A day drawn again."""

    same: bool
    """Whether the same calls came out."""
    said: tuple[str, ...]
    """In words."""
    calls: tuple[str, ...] = ()
    """That come out by chance, by their id."""


def drawn_again(settings: Settings, day: date) -> Checked:
    """Draw it again from what was kept. Raises `StoreError`."""
    found = redraw(open_database(settings), day_number(day))
    if found is None:
        return Checked(False, (f"{day}: not drawn yet",))
    if not found.kept:
        return Checked(
            False, (f"{day}: drawn before the calls there were to draw from were kept; it cannot be checked",)
        )
    return Checked(found.same, tuple(_said(day, found)), found.chance)


def _said(day: date, found: Redraw) -> list[str]:
    said = [
        f"{day}: {len(found.drawn_from)} calls to draw from, seed {found.seed}",
        f"{len(found.named)} named by rules, as they stood when it was drawn: taken from the sample",
        f"{len(found.drawn)} by chance: "
        + ("the same come out" if found.drawn == found.chance else "others come out"),
    ]
    if strangers := sorted(set(found.named) - set(found.drawn_from)):
        said.append(f"named, but not among the calls there were: {' '.join(strangers)}")
    if found.drawn != found.chance:
        said += [f"in the sample, not drawn: {call}" for call in found.drawn if call not in found.chance]
        said += [f"drawn, not in the sample: {call}" for call in found.chance if call not in found.drawn]
    return said
