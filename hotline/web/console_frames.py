"""What a console's page may say over its socket: nothing but these frames."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from hotline.gateway.web_door import MAX_OFFER


class Frame(BaseModel):
    """One frame; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Plain(Frame):
    """Says it all by its type."""

    type: Literal[
        "ping",
        "ready",
        "hold",
        "resume",
        "complete",
        "back",
        "conference",
        "hangup",
        "sign_out",
        "leave",
        "take_over",
    ]


class Busy(Frame):
    """Takes no calls."""

    type: Literal["busy"]
    reason: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")


class Accept(Frame):
    """Answers what rings, with this offer of the browser."""

    type: Literal["accept"]
    offer: str = Field(max_length=64)
    sdp: str = Field(max_length=MAX_OFFER)


class Refuse(Frame):
    """Will not have what rings."""

    type: Literal["refuse"]
    offer: str = Field(max_length=64)


class Reattach(Frame):
    """Is back in the talk after a reload."""

    type: Literal["reattach"]
    sdp: str = Field(max_length=MAX_OFFER)


class Mute(Frame):
    """Silent to everyone, or not."""

    type: Literal["mute"]
    on: bool


class Press(Frame):
    """A key."""

    type: Literal["press"]
    key: str = Field(pattern=r"^[0-9*#]$")


class Toward(Frame):
    """Somebody else is to have the call, to be asked, or to join."""

    type: Literal["transfer", "consult", "invite"]
    target: str = Field(pattern=r"^(agent|queue|skill|number):[^\s:]{1,64}$")


class CallBack(Frame):
    """The caller of an order is to be called, with this offer of the agent's browser."""

    type: Literal["call_back"]
    order: str = Field(pattern=r"^[0-9A-Za-z-]{1,64}$")
    sdp: str = Field(max_length=MAX_OFFER)


class Supervise(Frame):
    """A supervisor listens, whispers or barges in; again without an offer: changes how."""

    type: Literal["supervise"]
    call: str = Field(max_length=64)
    mode: Literal["listen", "whisper", "barge"]
    sdp: str = Field(default="", max_length=MAX_OFFER)


Asked = Plain | Busy | Accept | Refuse | Reattach | Mute | Press | Toward | CallBack | Supervise

FRAMES: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])
