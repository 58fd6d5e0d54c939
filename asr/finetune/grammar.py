"""Grammar files of spoken sentences → checked patterns that can be said at random (pure apart from `load`).

A file is `*.tsv` with rows `name<TAB>pattern`; `#` begins a comment line. The name `>` makes the pattern a
template of the file's topic (the file's stem); any other name adds to a slot that all files may use. In a
pattern `{name}` is a slot, `(a|b)` one of several, `[a]` half the time; a slot's row may have `|` outside
brackets too. An empty branch says nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from asr.errors import AsrError

FOLDER: Final = Path(__file__).with_name("grammar")
TEMPLATE: Final = ">"
NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
SPOKEN: Final = re.compile(r"[\u3400-\u9fff，？。]*")
"""What may be said: Chinese characters and the three marks of a pause."""
CLOSING: Final = {"(": ")", "[": "]"}
TOKEN: Final = re.compile(r"\{[^{}]*\}|[()\[\]|]|[^{}()\[\]|]+|.")


class GrammarError(AsrError):
    """A grammar file has a mistake; the message begins with `file:line`."""

    code = "asr.grammar"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that another rule fills."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several patterns, each as likely."""

    options: tuple["Pattern", ...]


Pattern = tuple["str | Slot | Choice", ...]


@dataclass(frozen=True, slots=True)
class Template:
    """One way to say something, and where it is written."""

    pattern: Pattern
    where: str


@dataclass(frozen=True, slots=True)
class Grammar:
    """Checked rules: every slot is there, none needs itself."""

    slots: Mapping[str, Choice]
    topics: Mapping[str, tuple[Template, ...]]

    def say(self, template: Template, random: Random) -> str:
        """One sentence of the template."""
        return "".join(self._parts(template.pattern, random))

    def _parts(self, pattern: Pattern, random: Random) -> Iterable[str]:
        for part in pattern:
            if isinstance(part, str):
                yield part
            else:
                choice = self.slots[part.name] if isinstance(part, Slot) else part
                yield from self._parts(choice.options[int(random.random() * len(choice.options))], random)


def load(folder: Path = FOLDER) -> Grammar:
    """The grammar of a folder. Raises `GrammarError` on any mistake, `OSError` when it cannot be read."""
    return parse({path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tsv"))})


def parse(files: Mapping[str, str]) -> Grammar:
    """Texts of grammar files by name → the grammar. Raises `GrammarError`."""
    slots: dict[str, list[Pattern]] = {}
    topics: dict[str, list[Template]] = {}
    wanted: list[tuple[str, str]] = []
    for file, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where = f"{file}:{number}"
            name, _, written = line.partition("\t")
            options = _Reader(written.strip(), where).read()
            wanted += [(slot, where) for slot in _used(options)]
            if name == TEMPLATE:
                topics.setdefault(Path(file).stem, []).extend(Template(one, where) for one in options)
            elif NAME.fullmatch(name):
                slots.setdefault(name, []).extend(options)
            else:
                raise GrammarError(f"{where}: a row is a name or '>', a tab and a pattern; got {name!r}")
    for slot, where in wanted:
        if slot not in slots:
            raise GrammarError(f"{where}: no slot is called {slot!r}")
    made = Grammar(
        {name: Choice(tuple(each)) for name, each in slots.items()},
        {topic: tuple(each) for topic, each in topics.items()},
    )
    _without_circles(made.slots, wanted)
    return made


def _used(options: Iterable[Pattern]) -> Iterable[str]:
    for pattern in options:
        for part in pattern:
            if isinstance(part, Slot):
                yield part.name
            elif isinstance(part, Choice):
                yield from _used(part.options)


def _without_circles(slots: Mapping[str, Choice], wanted: list[tuple[str, str]]) -> None:
    """Raise when a slot needs itself: it could never be said to the end."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            where = next(at for slot, at in wanted if slot == name)
            raise GrammarError(f"{where}: slot {name!r} needs itself: {' → '.join((*path, name))}")
        if name not in done:
            for used in _used(slots[name].options):
                visit(used, (*path, name))
            done.add(name)

    for name in slots:
        visit(name, ())


class _Reader:
    """Reads one pattern, left to right."""

    def __init__(self, written: str, where: str) -> None:
        self._tokens = TOKEN.findall(written)
        self._at = 0
        self._where = where

    def read(self) -> tuple[Pattern, ...]:
        """The branches of a whole row. Raises `GrammarError`."""
        if not self._tokens:
            raise GrammarError(f"{self._where}: nothing after the name")
        options = self._branches()
        if self._at < len(self._tokens):
            raise GrammarError(f"{self._where}: {self._tokens[self._at]!r} closes nothing")
        return options

    def _branches(self) -> tuple[Pattern, ...]:
        branches = [self._sequence()]
        while self._at < len(self._tokens) and self._tokens[self._at] == "|":
            self._at += 1
            branches.append(self._sequence())
        return tuple(branches)

    def _sequence(self) -> Pattern:
        parts: list[str | Slot | Choice] = []
        while self._at < len(self._tokens) and self._tokens[self._at] not in {")", "]", "|"}:
            piece = self._tokens[self._at]
            self._at += 1
            if piece in CLOSING:
                parts.append(self._bracket(CLOSING[piece]))
            elif piece.startswith("{"):
                parts.append(self._slot(piece))
            else:
                parts.append(self._words(piece))
        return tuple(parts)

    def _bracket(self, closing: str) -> Choice:
        branches = self._branches()
        if self._at == len(self._tokens) or self._tokens[self._at] != closing:
            raise GrammarError(f"{self._where}: {closing!r} is missing")
        self._at += 1
        # half the time nothing, however many branches there are
        return Choice(branches if closing == ")" else ((), (Choice(branches),)))

    def _slot(self, token: str) -> Slot:
        name = token.removeprefix("{").removesuffix("}")
        if not token.endswith("}") or not NAME.fullmatch(name):
            raise GrammarError(f"{self._where}: {token!r} is no slot's name")
        return Slot(name)

    def _words(self, token: str) -> str:
        if not SPOKEN.fullmatch(token):
            strange = next(each for each in token if not SPOKEN.fullmatch(each))
            raise GrammarError(f"{self._where}: {strange!r} cannot be said; numbers are written as words")
        return token
