"""A handling unit to try the line with: takes orders by webhook, or polls the API, then signs and answers.

    python scripts/demo_unit.py webhook --port 9348          # HOTLINE_UNIT_SECRET must be set
    python scripts/demo_unit.py poll --url http://127.0.0.1:8348 --token TOKEN [--answer TEXT]

`webhook` prints one JSON line for every new order; give its address to the line under `units:` in
`ivr_flows/routing.yaml`. `poll` fetches the unit's in-tray, signs what is new and answers it when `--answer`
is given. Both do the least a real unit's system must: check the signature, and take no order twice.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

import httpx

from workorders.signature import DELIVERY_HEADER, SIGNATURE_HEADER, BadSignature, verify

MAX_BODY = 1_000_000


class Inbox:
    """Orders received, each delivery once."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self._seen: set[str] = set()
        self._lock = Lock()

    def take(self, delivery: str, body: bytes) -> bool:
        """Note an order; False when this delivery has been here before."""
        with self._lock:
            if delivery in self._seen:
                return False
            order = json.loads(body)
            print(json.dumps(order, ensure_ascii=False), flush=True)
            self._seen.add(delivery)
            return True


class Webhook(BaseHTTPRequestHandler):
    """Takes a signed POST."""

    inbox: Inbox
    timeout = 10

    def do_POST(self) -> None:
        """204 for an order (also a repeated one), 401 for a wrong signature, 400 for anything else."""
        self.send_response(self._status())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _status(self) -> HTTPStatus:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            return HTTPStatus.BAD_REQUEST
        body = self.rfile.read(int(length))
        delivery = self.headers.get(DELIVERY_HEADER, "")
        signature = self.headers.get(SIGNATURE_HEADER, "")
        try:
            verify(self.inbox.secret, delivery, body, signature, datetime.now(UTC))
            self.inbox.take(delivery, body)
        except BadSignature:
            return HTTPStatus.UNAUTHORIZED
        except ValueError:
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.NO_CONTENT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        """Quiet: addresses and paths are nobody's business here."""


def serve(port: int) -> None:
    """Take webhooks until interrupted."""
    secret = os.environ.get("HOTLINE_UNIT_SECRET", "")
    if not secret:
        sys.exit("set HOTLINE_UNIT_SECRET to what `hotline units secret` prints")
    Webhook.inbox = Inbox(secret.encode())
    with ThreadingHTTPServer(("127.0.0.1", port), Webhook) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}/", file=sys.stderr, flush=True)
        server.serve_forever()


def poll(url: str, token: str, answer: str | None, pause_s: float) -> None:
    """Sign new orders, answer them when told to, until interrupted."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url.rstrip("/") + "/units/v1", headers=headers, timeout=10) as client:
        while True:
            try:
                work_through(client, answer)
            except httpx.TransportError as error:
                print(f"the line does not answer ({type(error).__name__}); trying again", file=sys.stderr)
            except httpx.HTTPStatusError as error:
                sys.exit(f"the line refused with {error.response.status_code}")
            time.sleep(pause_s)


def work_through(client: httpx.Client, answer: str | None) -> None:
    """Take what is in the in-tray, then answer what has been taken."""
    for item in in_tray(client, "dispatched"):
        order = client.get(f"/orders/{item['number']}").raise_for_status().json()
        print(json.dumps(order, ensure_ascii=False), flush=True)
        move(client, item["number"], "sign", {"by": "demo unit"})
    if answer is not None:
        for item in in_tray(client, "signed"):
            move(client, item["number"], "reply", {"by": "demo unit", "text": answer})


def in_tray(client: httpx.Client, state: str) -> list[dict[str, str]]:
    """The unit's orders in a state, all pages of them."""
    orders: list[dict[str, str]] = []
    after = ""
    while True:
        page = client.get("/orders", params={"state": state, "after": after}).raise_for_status().json()
        orders += page["orders"]
        if page["next"] is None:
            return orders
        after = page["next"]


def move(client: httpx.Client, number: str, action: str, form: dict[str, str]) -> None:
    """Sign or answer an order; somebody else at the unit may have been quicker."""
    answer = client.post(f"/orders/{number}/{action}", json=form)
    if answer.status_code != HTTPStatus.CONFLICT:
        answer.raise_for_status()
    print(f"{action} {number}: {answer.status_code}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    webhook = modes.add_parser("webhook", help="take signed webhooks on loopback")
    webhook.add_argument("--port", type=int, default=9348, help="0: any free port")
    polling = modes.add_parser("poll", help="fetch the in-tray over the API")
    polling.add_argument("--url", default="http://127.0.0.1:8348")
    polling.add_argument("--token", required=True, help="the unit's token")
    polling.add_argument("--answer", help="answer signed orders with this text")
    polling.add_argument("--pause", type=float, default=2.0, help="seconds between looks")
    arguments = parser.parse_args()
    try:
        if arguments.mode == "webhook":
            serve(arguments.port)
        else:
            poll(arguments.url, arguments.token, arguments.answer, arguments.pause)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
