"""Orders of calls that people answered: the machine proposes, one key of the agent's files.

While the call goes on its session files, with the last words; afterwards it is done from what is stored.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime

import anyio
import anyio.to_thread

from hotline.call.filing import file_command
from hotline.call.line import OrderDesk, Reader
from hotline.conversation import CallId, Outcome, Source, Speaker, Turn
from hotline.errors import HotlineError
from hotline.store.calls import NUMBER, CallStore
from hotline.store.views import CallView, UtteranceView

Confirm = Callable[[], Awaitable[str | None]]


class NoDraft(HotlineError):
    """There is nothing of this call that could be filed."""

    code = "call.no_draft"


@dataclass(frozen=True, slots=True)
class _Live:
    confirm: Confirm
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class Drafts:
    """All that may be confirmed."""

    def __init__(self, reader: Reader, desk: OrderDesk, calls: CallStore) -> None:
        self._reader = reader
        self._desk = desk
        self._calls = calls
        self._live: dict[CallId, _Live] = {}

    def begin(self, call: CallId, confirm: Confirm) -> None:
        """A call that people answer goes on."""
        self._live[call] = _Live(confirm)

    @asynccontextmanager
    async def closing(self, call: CallId) -> AsyncIterator[None]:
        """Its record is written meanwhile: what is being filed goes into it, later orders are added to it."""
        live = self._live.get(call)
        async with live.lock if live is not None else nullcontext():
            try:
                yield
            finally:
                self._live.pop(call, None)

    async def confirm(self, call: CallId, now: datetime) -> str | None:
        """File the call's order; its number, or None when it will be filed later. Twice makes one order.

        Raises `NoDraft` for a call that is not known, or that no agent has had; `StoreError`.
        """
        live = self._live.get(call)
        if live is not None:
            async with live.lock:
                if call in self._live:
                    return await live.confirm()
        view = await anyio.to_thread.run_sync(self._calls.get, call)
        if view is None or view.row.open or view.row.outcome not in {Outcome.ANSWERED, Outcome.ORDER_FILED}:
            raise NoDraft("no such call")
        if view.content_deleted_at is not None:
            raise NoDraft("what was said is deleted")
        if view.row.orders:
            return view.row.orders[0]
        number = await self._file(view, now)
        if number is not None:
            await anyio.to_thread.run_sync(self._calls.order_filed, call)
        return number

    async def call_back(self, call: CallId, agent: str, now: datetime) -> str | None:
        """File an order to call somebody back who hung up unheard; its number, or None when it comes later.

        Twice makes one order. `agent`: who answers for it. Raises `NoDraft` for a call that is not known,
        goes on or has no number that tells callers apart; `StoreError`.
        """
        view = await anyio.to_thread.run_sync(self._calls.get, call)
        if view is None or view.row.open or not NUMBER.fullmatch(view.row.remote):
            raise NoDraft("nobody to call back")
        if view.row.orders:
            return view.row.orders[0]
        number = await self._file(view, now, callback=True, owner=agent)
        if number is not None:
            await anyio.to_thread.run_sync(self._calls.order_added, call)
        return number

    async def _file(
        self, view: CallView, now: datetime, *, callback: bool = False, owner: str = ""
    ) -> str | None:
        """What is stored of a call that is over, as an order."""
        call = CallId(view.row.call)
        said = await anyio.to_thread.run_sync(self._calls.transcript, call)
        turns = tuple(_turn(each) for each in said if each.speaker is Speaker.CALLER and each.text)
        understood = (view.intent, self._reader.summary(turns, view.intent))
        labels = self._reader.categories
        command = file_command(call, view.row.remote, understood, turns, labels, now, callback=callback)
        filed = await self._desk.file(replace(command, source=Source.AGENT.value, owner=owner))
        return None if filed is None else filed.number


def _turn(said: UtteranceView) -> Turn:
    return Turn(Speaker.CALLER, said.text, said.raw, (said.utterance,), said.start, said.end, (0,))
