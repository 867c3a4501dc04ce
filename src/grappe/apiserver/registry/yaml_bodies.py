"""YAML request bodies as JSON: no dates, no tags, no aliases without end, no key lost unseen.

The one module of the server that needs PyYAML, and only when a body is YAML. PyYAML takes several
microseconds for each value, so that three megabytes of short ones take many seconds: long bodies
are read in a thread, one after the other, before anybody asks for them (`parsed`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import orjson

from grappe.apiserver.registry.limits import MAX_DEPTH, MAX_NODES, check_extent

_LONG = 64 * 1024
"""Bytes above which a body is read in a thread."""


class ParsedBody(bytes):
    """A body with what is in it: the JSON text and the repeated keys, or why it cannot be read."""

    json = b""
    problem = ""
    repeated: list[str]


def is_long_yaml(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether `parsed` should read a body first. An apply may be JSON, which takes no time."""
    if len(body) <= _LONG or isinstance(body, ParsedBody):
        return False
    named = headers.get("content-type", "").lower()
    if "yaml" not in named:
        return False
    if "apply-patch" not in named:
        return True
    try:
        orjson.loads(body)
    except ValueError:
        return True
    return False


async def parsed(body: bytes) -> ParsedBody:
    """The same body, read beside the event loop; never raises for what is in it."""
    return await asyncio.get_running_loop().run_in_executor(_thread(), _parse, body)


@cache
def _thread() -> ThreadPoolExecutor:
    """One: several would each take the interpreter from the event loop."""
    return ThreadPoolExecutor(1, "yaml")


def _parse(body: bytes) -> ParsedBody:
    found = ParsedBody(body)
    found.repeated = []
    try:
        found.json, document = _json(body)
        _gather_repeated(document, found.repeated, set())
    except ValueError as error:
        found.problem = str(error)
    return found


def read_yaml(body: bytes) -> Any:
    """One YAML document as JSON; ValueError when it is not both."""
    if isinstance(body, ParsedBody):
        if body.problem:
            raise ValueError(body.problem)
        return orjson.loads(body.json)
    return orjson.loads(_json(body)[0])


def _json(body: bytes) -> tuple[bytes, Any]:
    """A YAML document as JSON text, and its node."""
    import yaml

    try:
        loader = _yaml_loader()(body)
        document = loader.get_single_node()
        found = None if document is None else loader.construct_document(document)
        check_extent(found)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"yaml: {error}") from None
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    try:
        text = orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS)
        orjson.loads(text)
        return text, document
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"yaml: not representable as JSON: {error}") from None


@cache
def _yaml_loader() -> Any:
    """YAML 1.1 without dates (to Kubernetes they are strings) and without bottomless nesting: the
    C loader recurses for each level, unchecked, until the stack is full and the process dead."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class JsonLoader(base):  # type: ignore[misc]
        depth = 0
        nodes = 0

        # What the loader calls around each node; of use for path resolvers only, which we have not.
        def descend_resolver(self, _parent: Any, _index: Any) -> None:
            self.depth += 1
            self.nodes += 1
            if self.depth > MAX_DEPTH + 1:  # the value at the bottom is a node too
                raise yaml.YAMLError("exceeded max depth")
            if self.nodes > MAX_NODES:
                raise yaml.YAMLError(
                    f"document contains more than {MAX_NODES} values; send it as JSON"
                )

        def ascend_resolver(self) -> None:
            self.depth -= 1

    JsonLoader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
        for first, rules in base.yaml_implicit_resolvers.items()
    }
    return JsonLoader


def repeated_keys(body: bytes) -> list[str]:
    """Complaints about keys given twice in one mapping, in the words of Kubernetes' decoder. The
    body must be one that `read_yaml` reads."""
    if isinstance(body, ParsedBody):
        return body.repeated
    import yaml

    found: list[str] = []
    _gather_repeated(yaml.compose(body, Loader=_yaml_loader()), found, set())
    return found


def _gather_repeated(node: Any, found: list[str], seen: set[int]) -> None:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if node.id == "mapping":
        keys: set[str] = set()
        for key, value in node.value:
            if key.id == "scalar":
                if key.value in keys:
                    line = key.start_mark.line + 1
                    found.append(f'line {line}: key "{key.value}" already set in map')
                keys.add(key.value)
            _gather_repeated(value, found, seen)
    elif node.id == "sequence":
        for value in node.value:
            _gather_repeated(value, found, seen)
