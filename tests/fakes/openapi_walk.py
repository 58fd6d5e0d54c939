"""Requests made up from an OpenAPI document, sound ones and broken ones, and answers held against it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from hypothesis import strategies as st

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    said: Schema
    document: Schema

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[Schema]:
        found: list[Schema] = self.said.get("parameters", [])
        return found

    @property
    def body(self) -> Schema | None:
        """The schema of the JSON body."""
        content = self.said.get("requestBody", {}).get("content", {})
        found: Schema | None = content.get("application/json", {}).get("schema")
        return found

    @property
    def takes_file(self) -> bool:
        return "application/octet-stream" in self.said.get("requestBody", {}).get("content", {})

    def complaint(self, status: int, media_type: str, body: Any) -> str | None:
        """What the document does not say about an answer; None when it fits."""
        answer = self.said["responses"].get(str(status))
        if answer is None:
            return f"{status} is not documented"
        content: Schema = answer.get("content", {})
        if not content:
            return None
        if media_type not in content and "application/octet-stream" not in content:
            return f"{media_type} is not documented for {status}"
        schema = content.get(media_type, {}).get("schema")
        if not schema or media_type == "application/octet-stream":
            return None
        whole = {**schema, "components": self.document["components"]}
        error = next(iter(jsonschema_rs.validator_for(whole).iter_errors(body)), None)
        return None if error is None else f"{status}: {error.message} at {error.instance_path}"


def operations(document: Schema) -> Iterator[Operation]:
    """All of them."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield Operation(method.upper(), path, said, document)


def gaps(document: Schema) -> Iterator[str]:
    """What a developer would miss: examples, error answers, security, words."""
    for each in operations(document):
        yield from (f"{each}: no {what}" for what in ("description", "security") if not each.said.get(what))
        for status in ("401", "403", "503"):
            content = each.said["responses"].get(status, {}).get("content", {})
            if "application/problem+json" not in content:
                yield f"{each}: no problem document for {status}"
        yield from (f"{each}: {name} has no example" for name in _unexplained(each))


def _unexplained(operation: Operation) -> Iterator[str]:
    for parameter in operation.parameters:
        if parameter["required"] and not parameter["schema"].get("examples"):
            yield parameter["name"]
    if operation.body is not None:
        body = resolve(operation.body, operation.document)
        for name in body.get("required", []):
            if not body["properties"][name].get("examples"):
                yield f"body.{name}"


def resolve(schema: Schema, document: Schema) -> Schema:
    """The schema behind a reference."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def example(operation: Operation) -> Schema:
    """The body that the document's own examples make."""
    body = resolve(operation.body or {}, operation.document)
    return {
        name: field["examples"][0]
        for name, field in body.get("properties", {}).items()
        if "examples" in field
    }


def sound(schema: Schema, document: Schema) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    schema = resolve(schema, document)
    if "anyOf" in schema:
        return st.one_of([sound(each, document) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    return _of_type(schema, document)


def _of_type(schema: Schema, document: Schema) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "string":
            return _text(schema)
        case "integer":
            return st.integers(schema.get("minimum", 0), schema.get("maximum", 2**31 - 1))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(sound(schema["items"], document), max_size=3)
        case "object":
            needed = schema.get("required", [])
            fields = {name: sound(each, document) for name, each in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(
                {name: fields[name] for name in needed},
                optional={name: each for name, each in fields.items() if name not in needed},
            )
        case _:
            return st.none()


def _text(schema: Schema) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"), fullmatch=True)
    least = schema.get("minLength", 0)
    most = min(schema.get("maxLength", 40), 4_000)
    made = st.text(st.characters(codec="utf-8"), min_size=least, max_size=most)
    return made if least else st.just("") | made


def broken(schema: Schema, document: Schema) -> st.SearchStrategy[Any]:
    """Values that are near the schema, and mostly not of it."""
    anything = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.text(max_size=300),
        st.lists(st.integers(), max_size=2),
    )
    resolved = resolve(schema, document)
    if resolved.get("type") != "object":
        return anything
    names = st.sampled_from([*resolved.get("properties", {}), "unknown"])
    return (
        st.tuples(sound(resolved, document), names, anything).map(
            lambda parts: {**parts[0], parts[1]: parts[2]}
        )
        | anything
    )
