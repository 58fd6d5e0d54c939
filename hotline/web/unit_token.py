"""Who brings a token: a unit's system or a channel's, and what its scopes open."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from hotline.store.tokens import UnitToken
from hotline.web.problems import Problem
from hotline.web.site import site_of

MAX_TOKEN = 200
SCHEME = HTTPBearer(auto_error=False, scheme_name="token", description="Given out by `hotline units token`.")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token's holder."""

    token: int
    unit: str
    channel: str
    scopes: frozenset[str]

    @property
    def who(self) -> str:
        """For the audit log."""
        return f"unit:{self.unit}" if self.unit else f"channel:{self.channel}"


@dataclass(frozen=True, slots=True)
class TokenGuard:
    """Lets through whoever brings a token with a scope."""

    scope: str

    async def __call__(self, request: Request) -> Bearer:
        """The holder.

        Raises `Problem` 401, the same for a missing, malformed, unknown, revoked or expired token; 403
        without the scope.
        """
        holder = await _holder(request)
        if holder is None:
            raise Problem(401, "unit.token", headers={"WWW-Authenticate": 'Bearer realm="hotline12348"'})
        if self.scope not in holder.scopes:
            raise Problem(403, "unit.scope", f"The token lacks the scope {self.scope}")
        return Bearer(holder.id, holder.unit, holder.channel, frozenset(holder.scopes))


async def _holder(request: Request) -> UnitToken | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN:
        return None
    site = site_of(request)
    return await site.ask(site.deps.tokens.holder, token, site.deps.now())


DOCUMENTED = Depends(SCHEME)
"""Puts the scheme into the OpenAPI document; the guards do the work."""
Reading = Annotated[Bearer, Depends(TokenGuard("read"))]
Acting = Annotated[Bearer, Depends(TokenGuard("act"))]
Attaching = Annotated[Bearer, Depends(TokenGuard("attach"))]
Following = Annotated[Bearer, Depends(TokenGuard("feed"))]
Filing = Annotated[Bearer, Depends(TokenGuard("file"))]
