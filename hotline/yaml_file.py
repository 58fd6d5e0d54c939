"""Read a YAML data file as plain values or as a model, refusing bombs and ambiguities."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from hotline.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)

BYTES_MAX = 512 * 1024
"""Largest file that is read: ours are a few kilobytes."""

DEPTH_MAX = 24
"""Deepest nesting: ours go six deep; the parser itself recurses."""


def read_yaml(path: Path) -> Any:
    """The file's content. Raises `ConfigError` naming the file, and the line where there is one."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    return parse_yaml(data, str(path))


def read_model(path: Path, model: type[Model]) -> Model:
    """The file as a model. Raises `ConfigError` naming the file and every field that is wrong."""
    data = read_yaml(path)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [f"{path}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        ) from error


def problems_of(read: Callable[[], object]) -> list[str]:
    """What a reading complains of; empty when it is sound."""
    try:
        read()
    except ConfigError as error:
        return list(error.problems)
    return []


def parse_yaml(data: bytes, name: str) -> Any:
    """The document in `data`; `name` goes into the `ConfigError` raised when it cannot be read."""
    if len(data) > BYTES_MAX:
        raise ConfigError([f"{name}: larger than {BYTES_MAX // 1024} KiB"])
    try:
        loader = _Loader(data)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError([f"{name}{line}: {said}"]) from error
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: PyYAML's own constructors on odd dates and numbers, e.g. `2026-13-45`
        raise ConfigError([f"{name}: not YAML: {type(error).__name__}"]) from error


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases (bombs), deep nesting (recursion) and duplicate keys (silent loss)."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise self._refusal("aliases (*name) are not allowed")
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._refusal("nested too deeply")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def _refusal(self, problem: str) -> yaml.MarkedYAMLError:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep)
