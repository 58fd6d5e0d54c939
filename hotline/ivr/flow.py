"""A caller flow as data: the closed set of node kinds, the loader, the JSON Schema."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from hotline.errors import ConfigError
from hotline.yaml_file import read_yaml

NODES_MAX = 500
"""Nodes in a flow; a flow a person can follow has a few dozen."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A node's or a queue's name."""

Slot = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""A field of an order, as the reader of callers' words names it."""

PromptId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$")]
"""The id of a sentence in prompts/<language>.yaml."""

COUNTS = (*map(str, range(1, 10)), "more")
"""Ends of the ids of prompts that say a count."""

Prompts = Annotated[tuple[PromptId, ...], Field(min_length=1, max_length=20)]


def _digit_as_text(key: object) -> object:
    """YAML reads an unquoted 1 as a number; a key press is a character."""
    return str(key) if isinstance(key, int) and not isinstance(key, bool) else key


Key = Annotated[str, BeforeValidator(_digit_as_text), StringConstraints(pattern=r"^[0-9*#A-D]$")]
"""One key of the telephone."""


class Closed(BaseModel):
    """A frozen piece of a flow; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(Closed):
    """What happens when an attempt gave nothing."""

    again: tuple[PromptId, ...] = Field(default=(), max_length=20)
    """Said before the next attempt; the node's own prompts when empty."""
    then: Name
    """Where to go when `max_tries` attempts have failed."""


class SayNode(Closed):
    """Say something and go on."""

    kind: Literal["say"]
    prompts: Prompts
    interruptible: bool = False
    """Any key cuts it short."""
    consent: str | None = Field(default=None, min_length=1, max_length=64)
    """Version of the recording notice that these prompts are: recording starts once they have been played."""
    next: Name

    @model_validator(mode="after")
    def _notice_is_heard_whole(self) -> Self:
        if self.consent is not None and self.interruptible:
            raise ValueError("a recording notice cannot be interruptible")
        return self


class MenuNode(Closed):
    """Let the caller choose with a key."""

    kind: Literal["menu"]
    prompts: Prompts
    choices: Annotated[dict[Key, Name], Field(min_length=1, max_length=12)]
    """Key to node."""
    seconds: float = Field(default=8, gt=0, le=60)
    """How long to wait for the key."""
    max_tries: int = Field(default=3, ge=1, le=9)
    no_input: Retry
    no_match: Retry


class ListenNode(Closed):
    """Let the caller speak."""

    kind: Literal["listen"]
    prompts: Prompts
    seconds_start: float = Field(default=8, gt=0, le=60)
    """How long to wait for the first word."""
    seconds_silence: float = Field(default=3, gt=0, le=30)
    """A pause of this length ends the message."""
    seconds_max: float = Field(default=180, gt=0, le=1800)
    """Longest message."""
    end_keys: Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]*$")] = "#"
    """Keys that end the message."""
    keys: dict[Key, Name] = Field(default_factory=dict, max_length=12)
    """Keys that lead elsewhere while listening."""
    max_tries: int = Field(default=3, ge=1, le=9)
    next: Name
    """After something with words in it was heard."""
    no_input: Retry
    """Nothing was said."""
    no_match: Retry
    """Something was said but no word was understood."""

    @model_validator(mode="after")
    def _keys_are_disjoint(self) -> Self:
        if both := set(self.end_keys) & set(self.keys):
            raise ValueError(f"key {min(both)} is in both end_keys and keys")
        return self


class QueueNode(Closed):
    """Wait for a person."""

    kind: Literal["queue"]
    queue: Name
    seconds_max: float = Field(default=0, ge=0, le=3600)
    """Longest wait while agents are on duty; with none on duty there is no wait."""
    place: PromptId | None = None
    """Prompts `PLACE.1` to `PLACE.9` say how many are before the caller, `PLACE.more` that it is more."""
    minutes: PromptId | None = None
    """Prompts `MINUTES.1` to `MINUTES.9` say how long it may take, `MINUTES.more` that it is longer."""
    offer: tuple[PromptId, ...] = Field(default=(), max_length=5)
    """Said after these: what the keys do."""
    seconds_again: float = Field(default=30, ge=10, le=600)
    """From one announcement to the next."""
    keys: dict[Key, Name] = Field(default_factory=dict, max_length=12)
    """Keys that end the waiting and lead elsewhere: to be called back, to leave a message."""
    answered: Name
    """After the conversation with an agent, once the agent has ended it."""
    unanswered: Name


class RatingNode(Closed):
    """Ask how satisfied the caller is, once."""

    kind: Literal["rating"]
    prompts: Prompts
    seconds: float = Field(default=8, gt=0, le=60)
    """How long to wait for a key or the first word."""
    words: dict[Annotated[int, Field(ge=1, le=5)], tuple[str, ...]] = Field(default_factory=dict)
    """What is said for each mark, 5 being the best; the longest words that were said count."""
    unrelated: tuple[str, ...] = ()
    """Words that only look like a mark, such as times: what lies inside them does not count."""
    rated: Name
    unrated: Name


class FileWorkOrderNode(Closed):
    """File what the caller said."""

    kind: Literal["file_work_order"]
    order: Literal["message", "callback"]
    """`message`: handle what was said; `callback`: above all, call the person back."""
    filed: Name
    failed: Name


class MissingNode(Closed):
    """Ask for what the order still lacks, each thing once."""

    kind: Literal["missing"]
    wants: Annotated[dict[Slot, Name], Field(min_length=1, max_length=10)]
    """Field of the order to the node that asks for it, in the order of asking. A number to call back is known
    when the network has told it; a place when the district or county was said."""
    asks_max: int = Field(default=2, ge=1, le=9)
    """Most questions in a call, whatever is still missing."""
    next: Name


class HangupNode(Closed):
    """Say goodbye and end the call."""

    kind: Literal["hangup"]
    prompts: Prompts


Node = Annotated[
    SayNode | MenuNode | ListenNode | QueueNode | RatingNode | MissingNode | FileWorkOrderNode | HangupNode,
    Field(discriminator="kind"),
]


class FlowFile(Closed):
    """One flow: what a caller to this line goes through."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
    """The flow's name; calls are recorded under it."""
    version: int = Field(ge=1)
    description: str = Field(max_length=500)
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}-[A-Z]{2}$")] = "zh-CN"
    """The prompts are read from prompts/<language>.yaml."""
    early: tuple[PromptId, ...] = Field(default=(), max_length=20)
    """Said before the call is answered, where `sip.early_media` and the caller's side allow it."""
    start: Name
    end: Name
    """A hangup node: where a call goes that has been in circles for too long."""
    nodes: Annotated[dict[Name, Node], Field(min_length=1, max_length=NODES_MAX)]

    @model_validator(mode="after")
    def _transitions_lead_somewhere(self) -> Self:
        named = [("start", self.start), ("end", self.end)]
        for name, node in self.nodes.items():
            named += [(f"nodes.{name}.{edge}", target) for edge, target in transitions(node)]
        lost = [f"{field}: no node {target!r}" for field, target in named if target not in self.nodes]
        if lost:
            raise ValueError("; ".join(lost))
        if not isinstance(self.nodes[self.end], HangupNode):
            raise ValueError(f"end: {self.end!r} must be a hangup node")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a flow file. Raises `ConfigError` with every problem, each naming file, node and field."""
        content = read_yaml(path)
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ConfigError([_problem(path, item) for item in error.errors()]) from error


def transitions(node: Node) -> tuple[tuple[str, str], ...]:
    """Every way out of a node, as (field, node name)."""
    match node:
        case SayNode():
            return (("next", node.next),)
        case MenuNode():
            return (*_keyed("choices", node.choices), *_retries(node))
        case ListenNode():
            return (("next", node.next), *_keyed("keys", node.keys), *_retries(node))
        case QueueNode():
            return (*_keyed("keys", node.keys), ("answered", node.answered), ("unanswered", node.unanswered))
        case RatingNode():
            return (("rated", node.rated), ("unrated", node.unrated))
        case MissingNode():
            return (*_keyed("wants", node.wants), ("next", node.next))
        case FileWorkOrderNode():
            return (("filed", node.filed), ("failed", node.failed))
        case HangupNode():
            return ()


def prompt_ids(node: Node) -> tuple[str, ...]:
    """Every prompt a node can say."""
    match node:
        case MenuNode() | ListenNode():
            return (*node.prompts, *node.no_input.again, *node.no_match.again)
        case SayNode() | HangupNode() | RatingNode():
            return node.prompts
        case QueueNode():
            counted = [stem for stem in (node.place, node.minutes) if stem is not None]
            return (*(f"{stem}.{count}" for stem in counted for count in COUNTS), *node.offer)
        case FileWorkOrderNode() | MissingNode():
            return ()


def counted(stem: str, count: int) -> str:
    """The prompt that says this count, from 1 on."""
    return f"{stem}.{COUNTS[min(count, len(COUNTS)) - 1]}"


def json_schema() -> str:
    """The JSON Schema of flow files, as it is checked in beside them."""
    schema = FlowFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _keyed(field: str, targets: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"{field}.{key}", target) for key, target in targets.items()]


def _retries(node: MenuNode | ListenNode) -> tuple[tuple[str, str], ...]:
    return (("no_input.then", node.no_input.then), ("no_match.then", node.no_match.then))


_KINDS = frozenset({"say", "menu", "listen", "queue", "rating", "missing", "file_work_order", "hangup"})


def _problem(path: Path, item: ErrorDetails) -> str:
    """One line a non-programmer can act on: file, field as it stands in the YAML, what is wrong."""
    where: list[Any] = list(item["loc"])
    if where[:1] == ["nodes"] and len(where) > 2 and where[2] in _KINDS:
        del where[2]  # pydantic puts the union's tag into the path
    message = re.sub(r"^Value error, ", "", item["msg"])
    return ": ".join(part for part in (str(path), ".".join(map(str, where)), message) if part)
