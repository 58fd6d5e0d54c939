"""Keeps bans over a restart: a small file in the data folder, written off the loop when they change."""

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import anyio.to_thread

from hotline.call.line import utc_now
from hotline.gateway.defence import Ban, Defence

log = logging.getLogger(__name__)

LOOK_S = 5.0
_NAME = "bans.json"
_MOST = 10_000


def restore(defence: Defence, folder: Path, now: float) -> None:
    """Put the bans of before in force; a file that cannot be read is said so and counts as none."""
    try:
        rows = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        clock = utc_now()
        bans = [_ban(row, clock) for row in rows[:_MOST]]
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("bans of before cannot be read", extra={"error": type(error).__name__})
        return
    defence.restore([ban for ban in bans if ban.seconds > 0], now)


async def keep(defence: Defence, folder: Path) -> None:
    """Write them down whenever they have changed, until cancelled."""
    while True:
        await anyio.sleep(LOOK_S)
        if defence.changed:
            defence.changed = False
            bans = defence.bans(anyio.current_time())
            try:
                await anyio.to_thread.run_sync(_write, folder, bans)
            except OSError as error:
                defence.changed = True
                log.warning("bans not written, trying again", extra={"errno": error.errno})


def _write(folder: Path, bans: tuple[Ban, ...]) -> None:
    clock = utc_now()
    rows = []
    for ban in bans[:_MOST]:
        until = clock + timedelta(seconds=ban.seconds)
        rows.append({"source": ban.source, "until": until.isoformat(), "times": ban.times})
    fresh = folder / f"{_NAME}.new"
    fresh.write_text(json.dumps(rows), encoding="utf-8")
    fresh.replace(folder / _NAME)


def _ban(row: dict[str, str], clock: datetime) -> Ban:
    left = datetime.fromisoformat(row["until"]) - clock
    return Ban(str(row["source"]), left.total_seconds(), int(row["times"]))
