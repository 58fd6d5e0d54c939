"""Orders from other channels than the telephone: filed by token, under a key that may be repeated."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, Field

from asr.normalize import normalize
from hotline.call.filing import CONSULTATION, OTHER_MATTER, file_command
from hotline.conversation import CallId, Intent, Sentence, Speaker, Turn
from hotline.web.auth import Body
from hotline.web.problems import Problem
from hotline.web.site import Site, SiteDep
from hotline.web.unit_shapes import NUMBER
from hotline.web.unit_token import DOCUMENTED, Bearer, Filing
from hotline.web.units import problems
from workorders.calendar import SHANGHAI
from workorders.intake import call_id_of
from workorders.messages import FieldValue, FileWorkOrder
from workorders.model import State
from workorders.outward import CONFIDENTIAL
from workorders.queries import OrderView

router = APIRouter(prefix="/channels/v1", tags=["channels"], dependencies=[DOCUMENTED])

FLAGS = ("callback",)
"""Besides `confidential`, what a channel may ask for; the rest is found in the words."""
EXTERNAL = "external_number"


class Filed(Body):
    """What somebody asks for. Matter, service and place are found in `text` where they are not given."""

    text: str = Field(
        min_length=1,
        max_length=4000,
        description="In the person's own words",
    )
    name: str = Field(default="", max_length=64)
    contact: str = Field(default="", max_length=64, description="Telephone number", examples=["13800000000"])
    matter: str = Field(default="", max_length=64, description="Code of intents.yaml")
    service: str = Field(default="", max_length=64, description="Code of intents.yaml")
    district: str = Field(
        default="", pattern="^([0-9]{6})?$", description="Six-digit county code", examples=["510116"]
    )
    external_number: str = Field(default="", max_length=64, description="The channel's own number for it")
    anonymous: bool = Field(default=False, description="Does not want to be named or called back")
    confidential: bool = Field(default=False, description="Asked for secrecy: units never see who it is")
    callback: bool = Field(default=False, description="Wants to be called back")


class FiledOrder(BaseModel):
    """What became of it."""

    number: str = Field(examples=[NUMBER])
    created: bool = Field(description="False: it had been filed under this key before")
    unit: str
    unit_name: str
    due: datetime | None


FILED = problems(401, 403, 409, 422) | {200: {"model": FiledOrder}}


class OrderStatus(BaseModel):
    """Where an order stands, for the person who asked for it."""

    number: str = Field(examples=[NUMBER])
    state: State
    unit_name: str
    filed_at: datetime
    due: datetime | None
    answer: str | None = Field(description="The unit's answer, once it has been approved")


@router.post(
    "/orders", status_code=201, responses=problems(401, 403, 409, 422) | {200: {"model": FiledOrder}}
)
async def file_order(
    form: Filed,
    bearer: Filing,
    site: SiteDep,
    response: Response,
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            min_length=8,
            max_length=128,
            pattern="^[\\x21-\\x7e]+$",
            description="The channel's own id of the request: the same key is the same order",
            examples=["web-20261123-000017"],
        ),
    ],
) -> FiledOrder:
    """File an order. 200 when it was filed under this key before; 409 for the same key with other content."""
    now = site.deps.now()
    call = call_id_of(bearer.channel, key)
    if form.matter or form.service:
        _known(site, form)
    content = json.dumps(form.model_dump(), ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    await site.ask(site.deps.units.intake.take, call, content, now)
    command = await site.ask(_command, site, form, bearer, call, now)
    filed = await site.ask(site.deps.service.handle, command)
    await site.record(bearer.who, "order.file", filed.number, f"token {bearer.token} new {filed.created}")
    if not filed.created:
        response.status_code = 200
    return FiledOrder(
        number=filed.number,
        created=filed.created,
        unit=filed.unit,
        unit_name=filed.unit_name,
        due=filed.due,
    )


@router.get("/orders/{number}", responses=problems(401, 403, 404, 422))
async def status(
    number: Annotated[str, Path(max_length=64, examples=[NUMBER])], bearer: Filing, site: SiteDep
) -> OrderStatus:
    """Where an order of this channel stands."""
    view = await site.ask(site.deps.orders.get, number)
    if view is None or view.order.channel != bearer.channel:
        raise Problem(404, "order.unknown")
    order = view.order
    return OrderStatus(
        number=order.number,
        state=order.state,
        unit_name=order.unit_name,
        filed_at=order.filed_at,
        due=order.due,
        answer=_answer(view),
    )


def _answer(view: OrderView) -> str | None:
    if view.order.state not in (State.VISITING, State.SETTLED, State.ARCHIVED):
        return None
    replies = [entry.text for entry in view.history if entry.action.value == "reply"]
    return replies[-1] if replies else None


def _known(site: Site, form: Filed) -> None:
    """Raises `Problem` for a code that is none."""
    categories = site.deps.units.reader.categories
    for name, code in (("matter", form.matter), ("service", form.service)):
        if code and code not in categories:
            raise Problem(422, "web.invalid", f"Invalid: body.{name}")


def _command(site: Site, form: Filed, bearer: Bearer, call: str, now: datetime) -> FileWorkOrder:
    """What is filed; reads the words, which takes a moment."""
    reader = site.deps.units.reader
    turn = Turn(Speaker.CALLER, normalize(form.text).text, form.text, (), 0, 0)
    intent = reader.read((turn,), now=now.astimezone(SHANGHAI).date())
    understood = (intent, (Sentence(form.text),))
    said = file_command(CallId(call), form.contact, understood, (turn,), reader.categories, now)
    matter = form.matter or _code(intent, "matter") or OTHER_MATTER
    service = form.service or _code(intent, "service") or CONSULTATION
    given = (
        ("caller_name", form.name),
        ("phone", form.contact),
        (EXTERNAL, form.external_number),
        ("statement", form.text),
    )
    fields = tuple(FieldValue(name, value, value, 1.0) for name, value in given if value)
    found = tuple(item for item in said.fields if item.name not in {each.name for each in fields})
    wished = (("callback", form.callback), (CONFIDENTIAL, form.confidential))
    flags = (*said.flags, *(flag for flag, wanted in wished if wanted and flag not in said.flags))
    return replace(
        said,
        matter=matter,
        matter_label=reader.categories.get(matter, matter),
        service=service,
        service_label=reader.categories.get(service, service),
        district=form.district or said.district,
        caller_contact=form.contact or said.caller_contact,
        fields=(*fields, *(replace(item, evidence=()) for item in found)),
        flags=flags,
        source="text",
        anonymous=form.anonymous,
        channel=bearer.channel,
    )


def _code(intent: Intent | None, axis: str) -> str:
    if intent is None:
        return ""
    return (intent.matter if axis == "matter" else intent.service).code
