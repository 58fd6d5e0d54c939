"""Files of an order: what is known of one, and how many an order may have."""

from dataclasses import dataclass
from datetime import datetime

from workorders.errors import ForbiddenMove

MAX_FILES = 10
"""Files of one order."""
MAX_BYTES = 50 * 1024 * 1024
"""Bytes of all files of one order."""


class TooManyFiles(ForbiddenMove):
    """The order has as many files, or as large ones, as it may have."""

    code = "order.too_many_files"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with an order. Its content is kept elsewhere, under its hash."""

    key: str
    """Random; names the file in addresses."""
    name: str
    """As the sender called it, made harmless, with the ending of its real kind."""
    kind: str
    """By its content: pdf, png, jpeg, docx, xlsx or txt."""
    size: int
    """Bytes."""
    sha256: str
    unit: str
    """Whose it is."""
    by: str
    at: datetime
    """UTC."""


def check_room(there: tuple[Attachment, ...], more: Attachment) -> None:
    """Raises `TooManyFiles` when the order has no room for one more."""
    if len(there) >= MAX_FILES:
        raise TooManyFiles(f"an order has at most {MAX_FILES} files")
    if sum(each.size for each in there) + more.size > MAX_BYTES:
        raise TooManyFiles(f"an order's files have at most {MAX_BYTES} bytes together")
