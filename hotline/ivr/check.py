"""Proves flow files sound: what `hotline flows check` prints."""

from pathlib import Path

from hotline.errors import ConfigError
from hotline.ivr.flow import (
    FileWorkOrderNode,
    FlowFile,
    HangupNode,
    ListenNode,
    MissingNode,
    Node,
    QueueNode,
    RatingNode,
    SayNode,
    prompt_ids,
    transitions,
)
from hotline.ivr.prompts import PLACE, PromptBook, load_texts
from hotline.yaml_file import read_yaml
from workorders.routing import BadRoutingData, RoutingRules

VALUES = frozenset({"number"})
"""What a prompt may have in braces: see `hotline.ivr.machine.Say`."""

KEEPING = ListenNode | QueueNode | RatingNode | MissingNode | FileWorkOrderNode
"""Nodes that keep what people say, or let it be kept."""

Edges = dict[str, tuple[str, ...]]
"""Node name -> names of nodes that may come next."""


def check_flows(folder: Path) -> list[str]:
    """Every problem of the flow folder, each as `file:node: what is wrong`. Empty when all is sound.

    A flow is a YAML file in the folder with a key `nodes`. Also checked: the prompts they say, and that
    every category of intents.yaml has a route to a unit.
    """
    problems: list[str] = []
    files = [file for file in sorted(folder.glob("*.yaml")) if is_flow(file)]
    if not files:
        problems.append(f"{folder}: no flow file")
    for file in files:
        try:
            flow = FlowFile.load(file)
            texts = load_texts(folder / "prompts" / f"{flow.language}.yaml")
            PromptBook.load(folder, folder / "prompts" / "no-cache", language=flow.language)
        except ConfigError as error:
            problems += error.problems
            continue
        problems += check_flow(flow, texts, str(file))
    return list(dict.fromkeys([*problems, *check_routes(folder)]))


def check_routes(folder: Path) -> list[str]:
    """Problems of the routing data: a category without a unit, a deadline that cannot be."""
    try:
        intents = read_yaml(folder / "intents.yaml")
        codes = [str(item["code"]) for axis in ("matters", "services") for item in intents[axis]]
    except ConfigError as error:
        return list(error.problems)
    except (KeyError, TypeError):
        return [f"{folder / 'intents.yaml'}: matters and services must be lists of items with a code"]
    try:
        RoutingRules.load(folder, codes)
    except BadRoutingData as error:
        return [f"{folder}: {problem}" for problem in error.problems]
    return []


def is_flow(file: Path) -> bool:
    """Whether the file is meant as a flow: the folder holds other data too."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith("nodes:") for line in lines)


def check_flow(flow: FlowFile, texts: dict[str, str], file: str) -> list[str]:
    """Problems of one flow, as `file:node: what is wrong`."""
    found = [
        *_unreachable(flow),
        *_stuck(flow),
        *_loops(flow),
        *_unrecorded(flow),
        *_unspoken(flow, texts),
        *_numberless(flow, texts),
    ]
    return [f"{file}:{node}: {problem}" for node, problem in found]


Problem = tuple[str, str]


def _unreachable(flow: FlowFile) -> list[Problem]:
    reached = _reach(_edges(flow), flow.start) | {flow.end}
    return [(name, "no call ever gets here") for name in flow.nodes if name not in reached]


def _stuck(flow: FlowFile) -> list[Problem]:
    """Nodes from which no goodbye can be reached."""
    edges = _edges(flow)
    goodbyes = {name for name, node in flow.nodes.items() if isinstance(node, HangupNode)}
    return [
        (name, "no way from here to a hangup") for name in flow.nodes if not _reach(edges, name) & goodbyes
    ]


def _loops(flow: FlowFile) -> list[Problem]:
    """Circles that turn by themselves: only a caller's own choice or words may lead back."""
    edges = {name: tuple(_without_caller(node)) for name, node in flow.nodes.items()}
    return [
        (name, "leads back to itself without the caller doing anything")
        for name, nexts in edges.items()
        if any(name in _reach(edges, after) for after in nexts)
    ]


def _without_caller(node: Node) -> list[str]:
    """Ways on that need no key and no words; noise (`no_match`) is not the caller's will.

    Of `wants` each is gone once at most, so that they end by themselves.
    """
    willed = ("choices.", "keys.", "wants.")
    spoken = isinstance(node, ListenNode)
    return [
        target
        for field, target in transitions(node)
        if not field.startswith(willed) and not (spoken and field == "next")
    ]


def _unrecorded(flow: FlowFile) -> list[Problem]:
    """Whatever keeps what people say must come after a notice, on every way."""
    edges = {
        name: () if isinstance(node, SayNode) and node.consent else nexts
        for (name, nexts), node in zip(_edges(flow).items(), flow.nodes.values(), strict=True)
    }
    silent = _reach(edges, flow.start)
    return [
        (name, "can be reached before the recording notice (a say node with `consent`)")
        for name, node in flow.nodes.items()
        if name in silent
        and isinstance(node, ListenNode | QueueNode | RatingNode | MissingNode | FileWorkOrderNode)
    ]


def _unspoken(flow: FlowFile, texts: dict[str, str]) -> list[Problem]:
    problems = [
        ("early", f"prompt {prompt!r} has no text in prompts/{flow.language}.yaml")
        for prompt in flow.early
        if prompt not in texts
    ]
    problems += [
        (name, f"prompt {prompt!r} has no text in prompts/{flow.language}.yaml")
        for name, node in flow.nodes.items()
        for prompt in prompt_ids(node)
        if prompt not in texts
    ]
    for name, node in flow.nodes.items():
        for prompt in prompt_ids(node):
            unknown = set(PLACE.findall(texts.get(prompt, ""))) - VALUES
            problems += [(name, f"prompt {prompt!r} has an unknown value {{{value}}}") for value in unknown]
    return problems


def _numberless(flow: FlowFile, texts: dict[str, str]) -> list[Problem]:
    """A prompt that reads out the order's number must come after the order was filed, on every way."""
    edges = {
        name: tuple(target for field, target in transitions(node) if field != "filed")
        for name, node in flow.nodes.items()
    }
    unfiled = _reach(edges, flow.start)
    return [
        (name, f"prompt {prompt!r} reads out a number before an order is filed")
        for name, node in flow.nodes.items()
        for prompt in prompt_ids(node)
        if name in unfiled and "{number}" in texts.get(prompt, "")
    ]


def _edges(flow: FlowFile) -> Edges:
    return {name: tuple(target for _, target in transitions(node)) for name, node in flow.nodes.items()}


def _reach(edges: Edges, start: str) -> set[str]:
    """`start` and every node that can come after it."""
    reached: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += edges[name]
    return reached
