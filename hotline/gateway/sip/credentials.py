"""Credentials of a request, judged past the defence."""

from hotline.gateway.sip.auth import Authenticator, Verdict, username_of
from hotline.gateway.sip.guard import Deed, Guard
from hotline.gateway.sip.message import Request
from hotline.gateway.sip.transaction import Hop

MOST = 4
"""Authorization fields looked at."""


def check_all(
    users: Authenticator, request: Request, hop: Hop, guard: Guard, now: float
) -> dict[Verdict, str]:
    """What the credentials are worth: verdict → the user they are of. Tells the defence.

    Without credentials the answer is empty, and nobody is told: a first request never has any. For a user
    who is blocked from there, the same work is done and the answer is as if the password were wrong.
    """
    found: dict[Verdict, str] = {}
    proved = hop.reliable
    for value in request.headers.all("Authorization")[:MOST]:
        user = username_of(value)
        verdict = users.check(value, request.method, request.uri, now, hop.host, request.body)
        if verdict is Verdict.GOOD and guard.blocked(hop.host, user, now):
            verdict = Verdict.BAD
        found[verdict] = user
        proved = proved or users.challenged(value, hop.host)
    if Verdict.GOOD in found:
        guard.note(hop.host, Deed.GOOD_CREDENTIALS, now, found[Verdict.GOOD])
    elif Verdict.BAD in found:
        # Anybody can send a datagram in another's name: it may not get the user there blocked.
        guard.note(hop.host, Deed.BAD_CREDENTIALS, now, found[Verdict.BAD] if proved else "", proved=proved)
    return found
