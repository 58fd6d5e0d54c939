"""What stands behind every call of a line: bus, journal, desk, outbox, figures, and what the page needs."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from sqlalchemy import Engine

from asr.protocols import TranscriberFactory
from hotline import instruments
from hotline.acd.distributor import Distributor
from hotline.bus import InProcessBus
from hotline.call.desk import Desk
from hotline.call.drafts import Drafts
from hotline.call.journal import Journal
from hotline.call.line import Line, Prompts
from hotline.call.people import People
from hotline.call.talks import Talks
from hotline.figures import GatewayView
from hotline.gateway.defence import Defence
from hotline.gateway.media import MediaLeg
from hotline.gateway.web_door import WebDoor
from hotline.metrics import Metrics
from hotline.rulebook import Rulebook
from hotline.settings import Settings
from hotline.staff import Staff
from hotline.store.audit import AuditStore
from hotline.store.calls import CallStore
from hotline.store.retention import Retention
from hotline.store.tokens import UnitTokens
from hotline.store.users import UserStore
from hotline.web.deps import Health, WebDeps
from hotline.web.staffing import Staffing
from hotline.wiring import gateways, publish_order, sweep_daily
from workorders.clockwork import Clockwork
from workorders.outbox import Outbox, OutboxOptions
from workorders.queries import OrderQueries
from workorders.service import WorkOrderService
from workorders.sql import SqlUnitOfWork


class Office:
    """The parts that live as long as the line and know nothing of any one call."""

    def __init__(self, settings: Settings, rulebook: Rulebook, engine: Engine, calls: CallStore) -> None:
        self.bus = InProcessBus()
        self.metrics = Metrics()
        self.defence = Defence(settings.defence)
        self.journal = Journal(calls)
        self._engine = engine
        self._calls = calls
        self._service = WorkOrderService(lambda: SqlUnitOfWork(engine), rulebook.rules, rulebook.calendar)
        self._outbox = Outbox(
            engine,
            gateways(settings, rulebook.rules),
            lambda event: publish_order(self.bus, event),
            OutboxOptions(poll_s=settings.dispatch.poll_seconds),
        )
        self.desk = Desk(self._service, settings.paths.data / "spool", self._outbox.wake)
        self.staff = Staff(settings.acd, rulebook.acd, engine, self.bus, self.metrics)
        self.talks = Talks()
        self.drafts = Drafts(rulebook.router, self.desk, calls)
        self._retention = Retention(engine, settings.recordings, settings.privacy.recording_days)
        self._figures: dict[str, instruments.Source] = {
            "outbox": self._outbox.facts,
            "acd": self.staff.figures,
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
            partial(sweep_daily, self._retention),
            partial(instruments.count, self.bus, self.metrics),
        )

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
    ) -> WebDeps:
        """What the pages need. `open_leg` gives an agent's browser its leg."""
        return WebDeps(
            settings=settings,
            bus=self.bus,
            calls=self._calls,
            users=UserStore(self._engine),
            audit=AuditStore(self._engine),
            tokens=UnitTokens(self._engine),
            orders=OrderQueries(self._engine),
            service=self._service,
            health=health,
            metrics=self.metrics,
            gateway=GatewayView(self._figures, self.defence),
            web_door=web_door,
            staffing=Staffing(
                acd=self.acd,
                floor=self.talks,
                agent=self.staff.agent,
                open_leg=open_leg,
                confirm=self.drafts.confirm,
                log=self.staff.store.iter_between,
                roster=lambda: self.staff.roster,
                people=self.staff.people,
                policy=self.staff.policy,
                busy=self.staff.policy.busy,
                busy_by_itself=self.staff.policy.busy_by_itself,
                numbers=self.staff.policy.numbers,
            ),
        )
