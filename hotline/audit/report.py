"""What a verification has found."""

from dataclasses import dataclass, field

from hotline.audit.sealer import ChainState

MOST = 100
"""Problems that are listed; more are counted."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One thing that is not as it was sealed."""

    kind: str
    """`changed`, `deleted`, `inserted`, `reordered`: a row. `entry_changed`, `entry_missing`: the chain.
    `state_changed`: an order stands otherwise than its history says.
    `words_changed`, `words_missing`: what was said in a line of history, whose row is as it was sealed.
    `recording_missing`, `recording_changed`. `root_…`: a signed root."""
    source: str
    """The table, `recording` or `root`."""
    row: str
    """The row's id, the call, the root's number."""
    seq: int | None = None
    """Of its entry."""
    detail: str = ""
    """What more is known: the row it has changed places with, a file's name."""


@dataclass(slots=True)
class Report:
    """What was looked at and found."""

    first: int = 0
    last: int = 0
    """Entries looked at."""
    recordings: int = 0
    deleted_recordings: int = 0
    """Gone with a certificate of retention."""
    erased_lines: int = 0
    """Lines of orders' histories whose words are gone with a certificate of retention."""
    roots: int = 0
    signed: bool = False
    """The roots' signatures were looked at."""
    state: ChainState | None = None
    broken: list[Broken] = field(default_factory=list)
    """The first ones, in the chain's order."""
    count: int = 0
    """All of them."""

    @property
    def sound(self) -> bool:
        """Nothing is broken."""
        return self.count == 0

    def add(self, broken: Broken) -> None:
        """Note one more."""
        self.count += 1
        if len(self.broken) < MOST:
            self.broken.append(broken)
