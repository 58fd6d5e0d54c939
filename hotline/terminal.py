"""Shows one call at the terminal as it happens: transcript, intent, fields with their words, order."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from asr.transcript import TranscriptEvent
from hotline.conversation import CallId, Intent
from hotline.events import (
    AlertState,
    CallEnded,
    CallStarted,
    CrisisHeard,
    Event,
    FlowMoved,
    IntentRecognized,
    OrderDispatched,
    OrderFiled,
    RecordingStarted,
    TranscriptPublished,
)
from workorders.calendar import SHANGHAI

CRISIS = "crisis"
"""The flag of any emergency; those of a kind are `crisis.KIND`."""


def load_texts() -> Mapping[str, str]:
    """What the terminal says, by id."""
    path = Path(__file__).with_name("terminal.zh-CN.json")
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


class CallView:
    """Prints the events of one call; the line being spoken grows in place."""

    def __init__(self, console: Console, texts: Mapping[str, str]) -> None:
        self._console = console
        self._texts = texts
        self._live: Live | None = None
        self._intent: Intent | None = None
        self._call: CallId | None = None
        self._last_partial = ""
        self._known: set[str] = set()
        """Kinds of emergency that known wording speaks for; all others are guesses."""

    def text(self, name: str, **values: object) -> str:
        """A text with its values filled in; the id itself when there is no such text."""
        return self._texts.get(name, name).format(**values)

    def show(self, event: Event) -> bool:
        """Show an event; True when the call has ended."""
        if self._call is None and isinstance(event, CallStarted):
            self._call = event.call
            self._console.rule(self.text("call.started"), style="cyan")
        if event.call != self._call:
            return False
        self._show(event)
        return isinstance(event, CallEnded)

    def _show(self, event: Event) -> None:
        match event:
            case FlowMoved() if f"flow.{event.node}" in self._texts:
                self._note(self.text(f"flow.{event.node}"))
            case RecordingStarted():
                self._note(self.text("recording.started", version=event.consent_version))
            case TranscriptPublished():
                self._transcript(event.transcript)
            case IntentRecognized():
                self._intent = event.intent
            case CrisisHeard():
                self._alert(event)
            case OrderFiled():
                self._show_intent()
                self._console.print(Text(f"{self.text('order.filed')}  {event.number}", style="bold green"))
            case OrderDispatched():
                self._dispatched(event)
            case CallEnded():
                self._ended(event)

    def _note(self, text: str) -> None:
        self._console.print(Text(f"  · {text}", style="dim"))

    def _transcript(self, event: TranscriptEvent) -> None:
        who = Text(f"{self.text('transcript.caller')} ", style="bold cyan")
        if event.kind == "final":
            self._stop_live()
            if not event.text and not event.degraded:
                return  # a noise that was no speech
            words = event.text or self.text("transcript.unheard")
            mark = self.text("transcript.degraded") if event.degraded else ""
            self._console.print(who + Text(words) + Text(mark, style="yellow"))
            return
        line = who + Text(event.stable) + Text(event.tail, style="grey50 italic")
        if not self._console.is_terminal:
            if event.text != self._last_partial:  # a pipe cannot rewrite a line: show each growth
                self._console.print(Text("  … ", style="dim") + line)
        elif self._live is None:
            self._live = Live(line, console=self._console, transient=True, auto_refresh=False)
            self._live.start(refresh=True)
        else:
            self._live.update(line, refresh=True)
        self._last_partial = event.text

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _alert(self, event: CrisisHeard) -> None:
        if event.sure and event.state is not AlertState.WITHDRAWN:
            self._known.add(event.kind)
        elif event.state is AlertState.WITHDRAWN:
            self._known.discard(event.kind)

    def _flags(self, intent: Intent) -> str:
        return "  ".join(self._flag(flag) for flag in intent.flags)

    def _flag(self, flag: str) -> str:
        name = self._texts.get(f"flag.{flag}", flag)
        top, _, kind = flag.partition(".")
        if top != CRISIS or (kind in self._known if kind else self._known):
            return name
        return name + self.text("flag.guess")

    def _show_intent(self) -> None:
        intent = self._intent
        if intent is None:
            return
        head = Text()
        top = "  ".join(f"{each.label} {each.confidence:.0%}" for each in intent.matters)
        head.append(f"{self.text('intent.matter')}  {top}\n", style="bold")
        head.append(f"{self.text('intent.service')}  {intent.service.label}\n")
        if intent.flags:
            head.append(f"{self.text('intent.flags')}  {self._flags(intent)}\n", style="yellow")
        words = " / ".join(span.text for span in intent.evidence)
        head.append(f"{self.text('intent.evidence')}  {words}", style="dim")
        self._console.print(Panel(head, title=self.text("intent.title"), border_style="magenta"))
        table = Table(box=None, header_style="dim")
        for name in ("field.name", "field.value", "field.words", "field.confidence"):
            table.add_column(self.text(name))
        for slot in intent.slots:
            table.add_row(
                Text(self._texts.get(f"slot.{slot.name}", slot.name)),
                Text(slot.display, style="bold"),
                Text(" … ".join(span.text for span in slot.evidence), style="green"),
                f"{slot.confidence:.0%}",
            )
        self._console.print(table)

    def _dispatched(self, event: OrderDispatched) -> None:
        due = self.text("order.none") if event.due is None else local(event.due)
        table = Table.grid(padding=(0, 2))
        table.add_row(self.text("order.number"), Text(event.number, style="bold"))
        table.add_row(self.text("order.unit"), Text(event.unit_name))
        table.add_row(self.text("order.due"), due)
        self._console.print(Panel(table, title=self.text("order.dispatched"), border_style="green"))

    def _ended(self, event: CallEnded) -> None:
        self._stop_live()
        record = event.record
        said = self.text(
            "call.ended",
            outcome=self.text(f"outcome.{record.outcome.value}"),
            seconds=f"{(record.ended - record.started).total_seconds():.0f}",
            recording=record.recording or self.text("call.no_recording"),
        )
        self._console.print(Text(said))  # a Text: brackets in data are no markup


def local(instant: datetime) -> str:
    """An instant as people in Sichuan write it."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
