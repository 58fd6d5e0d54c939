"""A unit's own copy of its orders, rebuilt from the change feed and kept up to date.

    python scripts/follow_feed.py --url URL --token-file token.txt --state orders.sqlite3 [--once]

Prints a JSON line for every change. Copy and cursor are written in one transaction a page, so it may be
killed at any moment and goes on where it was: nothing is lost, nothing is applied twice. The token needs the
scope `feed`. `--once` ends when everything is here. Exit codes: 1 refused or out of step, 2 wrong usage.
"""

import argparse
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import httpx

WAIT_S = 25
"""How long the line lets a request wait for news."""
LONGEST_PAUSE_S = 30.0
TABLES = """
CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS feed (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL);
INSERT OR IGNORE INTO feed VALUES (1, 0);
"""


class OutOfStep(Exception):
    """The feed is not the one this copy was made from: begin with an empty file."""


class Copy:
    """The orders, and how far they have been followed."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(TABLES)

    @property
    def cursor(self) -> int:
        """Number of the last change that is in the copy."""
        return int(self._db.execute("SELECT cursor FROM feed").fetchone()[0])

    def apply(self, page: dict[str, Any]) -> None:
        """Take over a page, all of it or nothing. Raises `OutOfStep`."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            at = self.cursor
            for change in page["changes"]:
                if change["seq"] != at + 1:
                    raise OutOfStep(f"change {change['seq']} came after {at}")
                at = change["seq"]
                self._one(change)
            self._db.execute("UPDATE feed SET cursor = ?", (at,))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _one(self, change: dict[str, Any]) -> None:
        order = change["order"]
        if change["gone"]:
            self._db.execute("DELETE FROM orders WHERE number = ?", (change["number"],))
        elif order is not None:
            body = json.dumps(order, ensure_ascii=False)
            self._db.execute(
                "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (number) DO UPDATE "
                "SET version = excluded.version, body = excluded.body WHERE excluded.version >= version",
                (order["number"], order["version"], body),
            )


def follow(client: httpx.Client, copy: Copy, *, once: bool) -> None:
    """Apply pages for good, or until everything is here. Raises `OutOfStep`, `httpx.HTTPStatusError`."""
    pause = 0.5
    while True:
        try:
            asked = {"after": copy.cursor, "wait": 0 if once else WAIT_S}
            answer = client.get("/feed", params=asked)
            if answer.status_code < 500:
                answer.raise_for_status()
        except httpx.TransportError as error:
            pause = later(pause, type(error).__name__)
            continue
        if answer.status_code >= 500:
            pause = later(pause, str(answer.status_code))
            continue
        pause = 0.5
        page = answer.json()
        if page["last"] < copy.cursor:
            raise OutOfStep("the line's feed is shorter than this copy: it was restored from a backup")
        copy.apply(page)
        for change in page["changes"]:
            told = {name: change[name] for name in ("seq", "number", "at", "action", "gone")}
            print(json.dumps(told, ensure_ascii=False), flush=True)
        if once and page["next"] == page["last"]:
            return


def later(pause: float, why: str) -> float:
    """Wait, and say how long the next wait is."""
    print(f"the line does not answer ({why}); again in {pause:.1f} s", file=sys.stderr, flush=True)
    time.sleep(pause)
    return min(2 * pause, LONGEST_PAUSE_S)


def main() -> int:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8348")
    parser.add_argument("--token-file", type=Path, required=True, help="a file with the unit's token")
    parser.add_argument("--state", type=Path, required=True, help="where the copy is kept (SQLite)")
    parser.add_argument("--once", action="store_true", help="end when everything is here")
    asked = parser.parse_args()
    headers = {"Authorization": f"Bearer {asked.token_file.read_text(encoding='utf-8').strip()}"}
    base = asked.url.rstrip("/") + "/units/v1"
    try:
        with httpx.Client(base_url=base, headers=headers, timeout=WAIT_S + 10) as client:
            follow(client, Copy(asked.state), once=asked.once)
    except OutOfStep as error:
        print(f"out of step: {error}; begin with an empty --state", file=sys.stderr)
        return 1
    except httpx.HTTPStatusError as error:
        print(f"the line refused with {error.response.status_code}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
