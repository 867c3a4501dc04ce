"""YAML as Kubernetes reads it, each document with the line it begins at.

Kubernetes' YAML is that of Go's sigs.k8s.io/yaml: `yes` and `on` are booleans as in YAML 1.1, but
dates, base-60 numbers (`22:22`) and `=` are strings, and `1e3` and `0o17` are numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any


class BadYamlError(ValueError):
    """`line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


_INT = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_MAX_DEPTH = 250


def documents(text: str) -> Iterator[tuple[int, Any]]:
    """(line, value) of each document that is not empty; BadYamlError where it cannot be read."""
    import yaml  # loaded with the first manifest, not with the process

    loader = _loader_class()(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            value = loader.construct_document(node)
            if value is not None:
                yield node.start_mark.line + 1, _json_only(value, node.start_mark.line + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem)))
        last = text.rstrip().count("\n")  # an end too early is marked beyond the last line
        raise BadYamlError(min(mark.line, last) + 1 if mark else 1, problem) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadYamlError(line, f"{error.reason}: character {error.character!r}") from None
    except (ValueError, OverflowError, RecursionError, TypeError) as error:
        if isinstance(error, BadYamlError):
            raise
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadYamlError(1, what) from None
    finally:
        loader.dispose()


def _json_only(value: Any, line: int) -> Any:
    """The value with string keys, as JSON has; BadYamlError for what JSON cannot say."""
    if isinstance(value, dict):
        return {_key(k, line): _json_only(v, line) for k, v in value.items()}
    if isinstance(value, list):
        return [_json_only(item, line) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadYamlError(line, f"{value} is no number in JSON")
        return value
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise BadYamlError(line, f"a {type(value).__name__} cannot stand in a manifest: quote it")


def _key(key: Any, line: int) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, (str, int)):
        return str(key)
    raise BadYamlError(line, f"{key!r} cannot be the name of a field")


@cache
def _loader_class() -> Any:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Safe: makes only plain values, and ends where the C loader, which recurses for each
        level, would fill the stack and kill the process."""

        depth = 0

        def descend_resolver(self, _parent: Any, _index: Any) -> None:
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise ValueError("nested too deeply")

        def ascend_resolver(self) -> None:
            self.depth -= 1

    kept = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:merge"}
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in kept]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
    Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
    Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
    return Loader


def _construct_int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _construct_float(loader: Any, node: Any) -> float:
    text = loader.construct_scalar(node).replace("_", "").lower()
    if text.lstrip("+-") in (".inf", ".nan"):
        return float(text.replace(".", ""))
    return float(text)
