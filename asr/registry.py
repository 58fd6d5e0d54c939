"""Which engines there are: every file of `asr/engines/` that has `OPTIONS` and `make`, found by its name.

A new engine is one new file there. It imports its library inside `make` or later, so looking at all of them
costs nothing and needs none of their libraries.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from asr import engines
from asr.errors import EngineFailed

if TYPE_CHECKING:
    from asr.protocols import BatchEngine, StreamingEngine


class EngineOptions(BaseModel):
    """What every engine's options have; each file adds its own and names itself in `engine`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str

    def weights(self) -> str | None:
        """The catalogue entry whose folder the engine is given; None for an engine that needs none."""
        model = getattr(self, "model", None)
        return model if isinstance(model, str) and model else None


class EngineModule(Protocol):
    """What a file of `asr/engines/` offers."""

    OPTIONS: type[EngineOptions]

    def make(
        self, options: Any, folder: Path, threads: int
    ) -> "BatchEngine | StreamingEngine":  # pragma: no cover
        """The loaded engine. Raises `EngineFailed`."""


@cache
def engine_names() -> tuple[str, ...]:
    """Names of all engines, in alphabetical order."""
    return tuple(sorted(found.name for found in iter_modules(engines.__path__) if found.name[0] != "_"))


def engine_module(name: str) -> EngineModule:
    """The file of an engine. Raises `EngineFailed` for a name that is none."""
    if name not in engine_names():
        raise EngineFailed(f"no engine is named {name}; there are {', '.join(engine_names())}")
    return cast("EngineModule", import_module(f"asr.engines.{name}"))


def options_type() -> Any:
    """One type for the options of all engines, told apart by `engine` (a discriminated union)."""
    classes = tuple(engine_module(name).OPTIONS for name in engine_names())
    union: Any = classes[0]
    for each in classes[1:]:
        union = union | each
    return Annotated[union, Field(discriminator="engine")]


@cache
def _adapter() -> TypeAdapter[EngineOptions]:
    return TypeAdapter(options_type())


def read_options(values: object) -> EngineOptions:
    """Options from what crossed a pipe. Raises `EngineFailed` naming the first wrong one, not its value."""
    try:
        return _adapter().validate_python(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EngineFailed(f"options: {where}: {first['type']}") from error


def make_engine(options: EngineOptions, folder: Path, threads: int) -> "BatchEngine | StreamingEngine":
    """The engine that the options ask for, loaded.

    Raises `EngineFailed` when its weights cannot be loaded or its library is not installed.
    """
    try:
        return engine_module(options.engine).make(options, folder, threads)
    except ImportError as error:
        raise EngineFailed(
            f"{options.engine}: the library {error.name or 'it needs'} is not installed; "
            "models/README.md says which extra brings it"
        ) from error
