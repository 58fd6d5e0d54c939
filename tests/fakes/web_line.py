"""A database with calls and orders in it, and its web part on a free port."""

import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import anyio
import numpy as np

from asr.audio import LegId, UtteranceId
from asr.transcript import SpanMap, TranscriptEvent, Word
from hotline.bus import InProcessBus
from hotline.call.line import utc_now
from hotline.conversation import (
    AudioFacts,
    CallId,
    CallRecord,
    Candidate,
    EndCause,
    Intent,
    LegRecord,
    Outcome,
    RecognitionFacts,
    Slot,
    Source,
    Span,
    Speaker,
)
from hotline.intent.router import Router
from hotline.settings import Settings, load
from hotline.stats.statistics import Statistics
from hotline.store.audit import AuditStore
from hotline.store.calls import CallStore
from hotline.store.engine import make_engine
from hotline.store.exchange_tokens import ExchangeTokens
from hotline.store.tokens import UnitTokens
from hotline.store.upgrade import upgrade
from hotline.store.users import Role, UserStore
from hotline.web.deps import Health, WebDeps
from hotline.web.flags import flag_notes
from hotline.web.server import make_app, serve_web
from hotline.wiring import unit_parts
from workorders.calendar import WorkCalendar
from workorders.case_queries import CaseQueries
from workorders.life import dispatch
from workorders.messages import EvidenceSpan, FieldValue, Filed, FileWorkOrder
from workorders.outbox_rows import OutboxRows
from workorders.queries import OrderQueries
from workorders.routing import RoutingRules, load_calendar
from workorders.service import WorkOrderService
from workorders.similar import SimilarOrders
from workorders.sql import SqlUnitOfWork

FLOWS = Path(__file__).parents[2] / "ivr_flows"
PASSWORD = "correct-horse-9"
PHONE = "13800001234"
SAID = (
    "你好，我是在成都市双流区的工地上做活路的。",
    "包工头拖欠了我们十二个人的工资，一共是186000元。",
    "我姓李，叫李建国，电话是138",
    "00001234，你们帮我们把钱要回来嘛。",
)
RATE = 16_000


def final(number: int, text: str, start: float = 2.0, **more: object) -> TranscriptEvent:
    """An utterance with a time for each character, a fifth of a second each."""
    first = int((start + 5 * number) * RATE)
    step = RATE // 5
    words = tuple(Word(char, first + step * at, first + step * (at + 1), 0.9) for at, char in enumerate(text))
    return TranscriptEvent(
        utterance=UtteranceId(f"u{number}"),
        leg=LegId("leg-1"),
        seq=number * 10 + 9,
        kind="final",
        stable=text,
        tail="",
        raw=text,
        start=first,
        end=first + step * len(text),
        words=words,
        spans=SpanMap(((0, len(text), 0, len(text)),)),
        confidence=0.9,
        engine="fake",
        **more,  # type: ignore[arg-type]
    )


def partial(number: int, stable: str, tail: str, seq: int) -> TranscriptEvent:
    """A growing utterance."""
    first = int((2.0 + 5 * number) * RATE)
    return TranscriptEvent(
        UtteranceId(f"u{number}"),
        LegId("leg-1"),
        seq,
        "partial",
        stable,
        tail,
        stable + tail,
        first,
        first + RATE,
    )


def span(number: int, words: str, texts: Sequence[str] = SAID) -> tuple[UtteranceId, int, int, str]:
    """Where words stand in an utterance."""
    at = texts[number].index(words)
    return UtteranceId(f"u{number}"), at, at + len(words), words


SLOTS = (
    ("caller_name", "李建国", "李建国", 0.86, (span(2, "李建国"),)),
    ("phone", PHONE, PHONE, 0.97, (span(2, "138"), span(3, "00001234"))),
    ("place", "510116", "成都市双流区", 0.95, (span(0, "成都市双流区"),)),
    ("amount", "186000", "186000元", 0.93, (span(1, "186000元"),)),
    ("people", "12", "12人", 0.72, (span(1, "十二个人"),)),
    ("employer", "包工头", "包工头", 0.41, (span(1, "包工头"),)),
    ("demand", "讨要工资", "把钱要回来", 0.8, (span(3, "把钱要回来"),)),
)


def intent() -> Intent:
    """What the router makes of `SAID`."""
    wages = Candidate("labour.wages", "拖欠工资", 0.94)
    return Intent(
        matter=wages,
        service=Candidate("legal_aid", "法律援助", 0.88),
        matters=(
            wages,
            Candidate("labour.contract", "劳动合同", 0.22),
            Candidate("labour.injury", "工伤", 0.08),
        ),
        slots=tuple(
            Slot(name, value, display, sure, tuple(Span(*at) for at in found))
            for name, value, display, sure, found in SLOTS
        ),
        evidence=(Span(*span(1, "拖欠了我们")),),
        source=Source.SPEECH,
        flags=("green_channel", "group"),
    )


def file_command(call: str, now: datetime) -> FileWorkOrder:
    """The order that comes of it."""
    return FileWorkOrder(
        call_id=call,
        matter_no=1,
        matter="labour.wages",
        matter_label="拖欠工资",
        service="legal_aid",
        service_label="法律援助",
        district="510116",
        summary="来电人反映包工头拖欠12名农民工工资共186000元，请求帮助讨要。",
        caller_contact=PHONE,
        fields=tuple(
            FieldValue(name, value, display, sure, tuple(EvidenceSpan(*at) for at in found))
            for name, value, display, sure, found in SLOTS
        ),
        flags=("green_channel", "group"),
        source="speech",
        filed_at=now,
    )


@dataclass(frozen=True, slots=True)
class WebLine:
    """A web part with its parts at hand."""

    deps: WebDeps
    engine: object

    @property
    def settings(self) -> Settings:
        return self.deps.settings

    def add_call(
        self, call: str, started: datetime, texts: Sequence[str] = SAID, *, order: bool = True
    ) -> Filed | None:
        """A call that is over, with its recording and, when wanted, its dispatched order."""
        key = CallId(call)
        self.deps.calls.start(key, "phone", PHONE, "12348", started)
        for number, text in enumerate(texts):
            self.deps.calls.add_final(key, Speaker.CALLER, final(number, text))
        filed = None
        if order:
            self.deps.calls.save_intent(key, intent(), started)
            filed = self.file(call, started + timedelta(seconds=30))
        self.write_recording(f"{call}.wav")
        self.deps.calls.save(record(key, started, filed))
        return filed

    def file(self, call: str, now: datetime) -> Filed:
        """File and dispatch the order of a call."""
        filed = self.deps.service.handle(file_command(call, now))
        self.put_in_tray(filed.number, now)
        return filed

    def put_in_tray(self, number: str, now: datetime | None = None) -> None:
        """Dispatch an order."""
        with SqlUnitOfWork(self.engine) as work:  # type: ignore[arg-type]
            there = work.orders.by_number(number)
            assert there is not None
            change = dispatch(there, now or datetime.now(UTC))
            work.orders.save(change.order, change.entry)
            work.commit()

    def write_recording(self, name: str, seconds: int = 24) -> None:
        """A quiet tone."""
        self.settings.recordings.mkdir(parents=True, exist_ok=True)
        tone = (np.sin(np.arange(seconds * RATE) * 0.05) * 2000).astype("<i2")
        with wave.open(str(self.settings.recordings / name), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(np.repeat(tone, 2).tobytes())


def record(call: CallId, started: datetime, filed: Filed | None) -> CallRecord:
    """The record of a call that went well."""
    ended = started + timedelta(seconds=75)
    leg = LegRecord(
        LegId("leg-1"), Speaker.CALLER, PHONE, started, ended, EndCause.REMOTE_HANGUP,
        AudioFacts(3750, 2, codec="PCMA"), RecognitionFacts("fake", 4),
    )  # fmt: skip
    return CallRecord(
        call=call, channel="phone", dialled="12348", started=started, answered=started + timedelta(seconds=1),
        ended=ended, legs=(leg,), flow="12348", flow_path=("greeting",), digits="", consent_version="2026-11",
        consent_at=started, recording=f"{call}.wav", recording_sha256="0" * 64, recording_origin=RATE,
        orders=(filed.number,) if filed else (), outcome=Outcome.ORDER_FILED if filed else Outcome.ABANDONED,
    )  # fmt: skip


@cache
def shipped() -> tuple[Router, RoutingRules, WorkCalendar]:
    """What ships, read once: nothing of it changes."""
    router = Router.load(FLOWS)
    rules = RoutingRules.load(FLOWS, router.categories)
    return router, rules, load_calendar(FLOWS, rules)


def make_line(folder: Path) -> WebLine:
    """A line with users `banzhang` (supervisor), `zuoxi` (agent), `shenji` (auditor), `guanli` (admin)."""
    base = load()
    settings = load(
        paths=base.paths.model_copy(update={"data": folder}),
        web=base.web.model_copy(update={"port": 0}),
    )
    engine = make_engine(settings.database_url)
    upgrade(engine)
    router, rules, calendar = shipped()
    deps = WebDeps(
        settings=settings,
        bus=InProcessBus(),
        calls=CallStore(engine),
        users=UserStore(engine),
        audit=AuditStore(engine),
        tokens=UnitTokens(engine),
        orders=OrderQueries(engine),
        units=unit_parts(settings, engine, router, OutboxRows(engine, utc_now, timedelta(minutes=1)).revive),
        service=WorkOrderService(lambda: SqlUnitOfWork(engine), rules, calendar),
        cases=CaseQueries(engine),
        similar=SimilarOrders(engine, rules.policies.life.similar),
        partners=ExchangeTokens(engine),
        labels=router.categories,
        services=router.services,
        health=lambda: Health(True),
        stats=Statistics(engine, FLOWS),
        flags=flag_notes(router.flags),
    )
    now = datetime.now(UTC)
    for name, role, display in (
        ("banzhang", Role.SUPERVISOR, "王班长"),
        ("zuoxi", Role.AGENT, "陈坐席"),
        ("shenji", Role.AUDITOR, "审计"),
        ("guanli", Role.ADMIN, "管理"),
    ):
        deps.users.add(name, PASSWORD, role, now, display)
    return WebLine(deps, engine)


@asynccontextmanager
async def served(line: WebLine) -> AsyncIterator[str]:
    """The line's web part on a free port; its base address."""
    async with anyio.create_task_group() as group:
        port = await group.start(serve_web, make_app(line.deps), line.settings.web)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            group.cancel_scope.cancel()
