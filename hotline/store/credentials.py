"""Random tokens, and the form in which they may be stored."""

from hashlib import sha256
from secrets import token_urlsafe

TOKEN_BYTES = 32


def new_token(prefix: str = "") -> str:
    """A token of 256 random bits, safe in URLs and headers; a prefix tells its kind to secret scanners."""
    return prefix + token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is stored of a token: SHA-256, hexadecimal.

    A fast hash is enough for 256 random bits; passwords get argon2id instead (see `hotline.store.users`).
    """
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
