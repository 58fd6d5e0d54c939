"""What stands behind every call of a line: bus, journal, desk, outbox, figures, and what the page needs."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import anyio.to_thread
from sqlalchemy import Engine

from asr.protocols import TranscriberFactory
from hotline import instruments
from hotline.acd.distributor import Distributor
from hotline.audit.order_retention import OrderRetention
from hotline.audit.sealer import Sealer, seal_forever
from hotline.bus import InProcessBus
from hotline.call.calling_back import CallingBack
from hotline.call.desk import Desk
from hotline.call.drafts import Drafts
from hotline.call.journal import Journal
from hotline.call.line import Line, Prompts, utc_now
from hotline.call.people import People
from hotline.call.talks import Talks
from hotline.counting import counting_tasks
from hotline.figures import GatewayView
from hotline.gateway.defence import Defence
from hotline.gateway.media import MediaLeg
from hotline.gateway.web_door import WebDoor
from hotline.metrics import Metrics
from hotline.rulebook import Rulebook
from hotline.settings import Settings
from hotline.staff import Staff
from hotline.stats.statistics import Statistics
from hotline.store.audit import AuditStore
from hotline.store.calls import CallStore
from hotline.store.exchange_tokens import ExchangeTokens
from hotline.store.retention import Retention
from hotline.store.retention_rules import read_order_retention, read_retention
from hotline.store.tokens import UnitTokens
from hotline.store.users import UserStore
from hotline.web.deps import Health, WebDeps
from hotline.web.flags import flag_notes
from hotline.web.staffing import Staffing
from hotline.wiring import (
    gateways,
    outward_order,
    publish_order,
    sign_daily,
    sweep_daily,
    unit_parts,
)
from workorders.calendar_rows import CalendarRows
from workorders.case_queries import CaseQueries
from workorders.clockwork import Clockwork
from workorders.errors import WorkOrderError
from workorders.messages import ActOnOrder
from workorders.model import Action, Actor
from workorders.outbox import Outbox, OutboxOptions
from workorders.queries import OrderQueries
from workorders.service import WorkOrderService
from workorders.similar import SimilarOrders
from workorders.sql import SqlUnitOfWork

log = logging.getLogger(__name__)


class Office:
    """The parts that live as long as the line and know nothing of any one call."""

    def __init__(self, settings: Settings, rulebook: Rulebook, engine: Engine, calls: CallStore) -> None:
        self.bus = InProcessBus()
        self.metrics = Metrics()
        self.defence = Defence(settings.defence)
        self.journal = Journal(calls)
        self._settings = settings
        self._engine = engine
        self._calls = calls
        self._router = rulebook.router
        calendar = CalendarRows(engine).over(rulebook.calendar)
        self._service = WorkOrderService(lambda: SqlUnitOfWork(engine), rulebook.rules, calendar)
        self._outbox = Outbox(
            engine,
            gateways(settings, rulebook.rules, engine),
            lambda event: publish_order(self.bus, event),
            OutboxOptions(poll_s=settings.dispatch.poll_seconds),
            veil=partial(outward_order, rulebook.rules),
        )
        self.desk = Desk(self._service, settings.paths.data / "spool", self._outbox.wake)
        self.staff = Staff(settings.acd, rulebook.acd, engine, self.bus, self.metrics)
        self.talks = Talks()
        self.drafts = Drafts(rulebook.router, self.desk, calls)
        self._flags = flag_notes(rulebook.router.flags)
        self._units = unit_parts(settings, engine, rulebook.router, self._outbox.revive)
        self.stats = Statistics(engine, rulebook.folder, settings.stats.trial_numbers)
        self._retention = Retention(
            engine, settings.recordings, read_retention(settings.flows, settings.privacy.recording_days)
        )
        orders = read_order_retention(settings.flows)
        self._order_retention = OrderRetention(engine, self._units.files, orders)
        self.sealer = Sealer(engine, utc_now)
        self._audit = (settings.audit, settings.audit_roots)
        self._figures: dict[str, instruments.Source] = {
            "outbox": self._outbox.facts,
            "acd": self.staff.figures,
            "audit": self.sealer.figures,
        }
        self.metrics.registry.register(instruments.PartFigures(self._figures))
        watch = self.metrics.watch_queue
        watch("journal", lambda: self.journal.depth, lambda: self.journal.dropped)
        watch("desk", lambda: self.desk.waiting, lambda: self.desk.overflowed)
        watch("bus", lambda: max(self.bus.depths, default=0))

    @property
    def acd(self) -> Distributor:
        """Who answers: all seats and all waiting calls."""
        return self.staff.acd

    def show(self, part: str, figures: instruments.Source) -> None:
        """Put a part's own figures on the metrics page."""
        self._figures[part] = figures

    def tasks(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """What runs in the background, each until it is cancelled."""
        return (
            self.desk.run,
            self._outbox.run,
            Clockwork(self._service, self._outbox.wake).run,
            self.journal.run,
            *self.staff.tasks(),
            partial(sweep_daily, self._retention.sweep, self._order_retention.sweep),
            partial(seal_forever, self.sealer, self._audit[0].seal_seconds),
            partial(sign_daily, self._engine, *self._audit),
            *counting_tasks(self._settings, self._engine, self.stats, self._service, self._outbox.wake),
            partial(instruments.count, self.bus, self.metrics),
        )

    async def called_back(self, order: str, agent: str) -> None:
        """An agent has talked with an order's caller: whoever took it out of the pool has kept the time."""
        contact = ActOnOrder(order, Action.CONTACT.value, agent, Actor.AGENT, utc_now())
        try:
            await anyio.to_thread.run_sync(self._service.handle, contact)
        except WorkOrderError as error:  # it was not in the pool, or the time was over
            log.info("order not marked as called back", extra={"code": error.code})

    def line(
        self,
        settings: Settings,
        rulebook: Rulebook,
        transcribers: TranscriberFactory,
        prompts: Prompts,
        dial: Callable[[str], Awaitable[MediaLeg]],
    ) -> Line:
        """What one call needs. `dial` reaches an outside number, where the outbound policy lets it."""
        return Line(
            bus=self.bus,
            journal=self.journal,
            transcribers=transcribers,
            reader=rulebook.router,
            desk=self.desk,
            prompts=prompts,
            flow=rulebook.flow,
            recordings=settings.recordings,
            limits=settings.limits,
            people=People(
                acd=self.acd,
                want=self.staff.want,
                policy=self.staff.policy,
                log=self.staff.log,
                dial=dial,
                talks=self.talks,
                drafts=self.drafts,
                ring_s=settings.acd.ring_s,
                reattach_s=settings.acd.reattach_s,
                requeue_s=settings.acd.requeue_s,
            ),
            early=settings.sip.early_media,
        )

    def web(
        self,
        settings: Settings,
        health: Callable[[], Health],
        web_door: WebDoor,
        open_leg: Callable[[bytes], Awaitable[tuple[MediaLeg, bytes]]],
        back: CallingBack,
    ) -> WebDeps:
        """What the pages need. `open_leg` gives an agent's browser its leg."""
        return WebDeps(
            settings=settings,
            bus=self.bus,
            calls=self._calls,
            users=UserStore(self._engine, timedelta(minutes=settings.web.idle_minutes) or None),
            audit=AuditStore(self._engine),
            tokens=UnitTokens(self._engine),
            orders=OrderQueries(self._engine),
            cases=CaseQueries(self._engine),
            similar=SimilarOrders(self._engine, self._service.rules.policies.life.similar),
            partners=ExchangeTokens(self._engine),
            labels=self._router.categories,
            services=self._router.services,
            service=self._service,
            units=self._units,
            health=health,
            metrics=self.metrics,
            gateway=GatewayView(self._figures, self.defence),
            web_door=web_door,
            stats=self.stats,
            flags=self._flags,
            staffing=Staffing(
                acd=self.acd,
                floor=self.talks,
                agent=self.staff.agent,
                open_leg=open_leg,
                back=back,
                confirm=self.drafts.confirm,
                call_back=self.drafts.call_back,
                log=self.staff.store.iter_between,
                roster=lambda: self.staff.roster,
                people=self.staff.people,
                policy=self.staff.policy,
                busy=self.staff.policy.busy,
                busy_by_itself=self.staff.policy.busy_by_itself,
                numbers=self.staff.policy.numbers,
            ),
        )
