"""The README's first command: a line on loopback, one real call to it, and all that came of it to see."""

import os
import socket
import sys
from pathlib import Path

import anyio
import anyio.to_thread
from rich.console import Console
from rich.panel import Panel

from hotline.app import Running, running
from hotline.bus import Subscription
from hotline.commands import DEMO_USER, demo_password, fetch_models
from hotline.events import OrderDispatched
from hotline.robot.demo_caller import render_caller
from hotline.settings import Settings
from hotline.terminal import CallView, load_texts

LONGEST = 240.0
"""Seconds the demo call may take, with everything slow."""
DISPATCH = 20.0
"""Seconds after the call within which its order must have been dispatched."""


async def run_demo(settings: Settings, *, keep: bool, screenshot: Path | None) -> int:
    """Run the demo; 0 when an order came of the call."""
    console, texts = Console(), load_texts()
    view = CallView(console, texts)
    console.print(Panel(view.text("demo.what"), title=view.text("demo.title"), border_style="cyan"))
    settings = demo_settings(settings)
    await anyio.to_thread.run_sync(lambda: fetch_models(settings, (), for_tests=False))
    with console.status(view.text("demo.starting")) as status:
        async with running(settings, lambda line: status.update(f"{texts['demo.starting']}: {line}")) as line:
            status.update(view.text("demo.voice"))
            voice = settings.paths.data / "demo_caller.wav"
            await render_caller(settings.flows, settings.models, voice)
            status.stop()
            password = demo_password(line.users)
            async with anyio.create_task_group() as aside:
                if screenshot is not None:
                    aside.start_soon(_take_picture, line, password, screenshot, console)
                ended = await _one_call(line, view, console, voice)
            _say_where(line, view, console, password)
            if keep and ended:
                console.print(view.text("demo.keep"))
                await anyio.sleep_forever()
    console.print(view.text("demo.done", data=settings.paths.data))
    return 0 if ended else 1


def demo_settings(settings: Settings) -> Settings:
    """The settings with the demo's own data folder, and free ports where the usual ones are taken."""
    paths = settings.paths.model_copy(update={"data": settings.paths.data / "demo"})
    sip, web = settings.sip, settings.web
    if _taken(sip.host, sip.port, socket.SOCK_DGRAM) or _taken(sip.host, sip.port, socket.SOCK_STREAM):
        sip = sip.model_copy(update={"port": 0})
    if _taken(web.host, web.port, socket.SOCK_STREAM):
        web = web.model_copy(update={"port": 0})
    return settings.model_copy(update={"paths": paths, "sip": sip, "web": web})


def _taken(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


async def _one_call(line: Running, view: CallView, console: Console, voice: Path) -> bool:
    """Place the call from another process, show it, and wait for its order; True when one was dispatched."""
    console.print(view.text("demo.calling", uri=line.sip_uri))
    caller = [sys.executable, "-m", "hotline", "call", str(voice), "--to", line.sip_uri]
    with line.bus.subscribe() as events, anyio.move_on_after(LONGEST):
        async with anyio.create_task_group() as group:
            group.start_soon(_place, caller)
            return await _watch(events, view)
    console.print(view.text("demo.failed", reason="timeout"))
    return False


async def _place(command: list[str]) -> None:
    await anyio.run_process(command, check=False)


async def _watch(events: Subscription, view: CallView) -> bool:
    """Show the call until it has ended and its order is dispatched."""
    ended = dispatched = False
    deadline = anyio.CancelScope()
    with deadline:
        async for envelope in events:
            ended = view.show(envelope.body) or ended
            dispatched = dispatched or envelope.kind == "OrderDispatched"
            if ended and dispatched:
                break
            if ended:
                deadline.deadline = anyio.current_time() + DISPATCH
    return dispatched


def _say_where(line: Running, view: CallView, console: Console, password: str) -> None:
    console.print(view.text("demo.page", page=line.page, user=DEMO_USER, password=password), style="bold")
    console.print(view.text("demo.own", uri=line.sip_uri))


async def _take_picture(line: Running, password: str, path: Path, console: Console) -> None:
    """Let the repository's own script photograph the page while the caller hears the order's number."""
    script = Path(__file__).parents[1] / "scripts" / "screenshot.py"
    environment = {**os.environ, "HOTLINE_SCREENSHOT_PASSWORD": password}
    command = [sys.executable, str(script), line.page, "--user", DEMO_USER, "--output", str(path)]
    with line.bus.subscribe(OrderDispatched) as orders:
        async for _ in orders:
            break
    taken = await anyio.run_process(command, env=environment, check=False)
    if taken.returncode:
        why = taken.stderr.decode(errors="replace").strip().splitlines()
        console.print(
            load_texts()["demo.no_picture"].format(reason=why[-1] if why else taken.returncode), markup=False
        )
