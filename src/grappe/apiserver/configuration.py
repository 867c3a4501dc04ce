"""Configuration files that people give to the server: read, and held against their shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grappe.base.errors import UserError

Problems = Callable[[Any], Iterable[str]]
_NAMES = {str: "a text", bool: "true or false"}


def read_configuration(path: Path, problems: Problems) -> Any:
    """What a file of JSON or YAML says, None when there is none; UserError naming all that is
    wrong in it. `problems` finds what is wrong with the decoded document."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}", "see its owner and mode") from None
    # Not before there is something to read: every start would pay for it.
    import yaml

    try:
        obj = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        # Without the parser's excerpt: the file may hold secrets.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        told = f"{getattr(error, 'problem', None) or 'it cannot be decoded'}{line}"
        raise UserError(f"{path} is no YAML: {told}", "correct it") from None
    found = list(problems(obj))
    if found:
        raise UserError(f"{path} is wrong: " + "; ".join(found), "correct it and start again")
    return obj


def mistyped(
    obj: Mapping[str, Any], kind: str, versions: Sequence[str], where: str = ""
) -> Iterator[str]:
    """Where a document is of another kind, or of none of the versions; the first is the newest."""
    prefix = f"{where}." if where else ""
    if obj.get("kind") != kind:
        yield f"{prefix}kind: must be {kind}"
    if obj.get("apiVersion") not in versions:
        yield f"{prefix}apiVersion: must be {versions[0]}"


def misshapen(value: Any, shape: Any, where: str = "") -> Iterator[str]:
    """Where a document is of another shape. A shape is a dict of its fields' shapes, a list with
    that of its items, `str`, `bool`, or `object` for whatever there may be."""
    if value is None and where:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where or 'the file'}: must be an object"
            return
        prefix = f"{where}." if where else ""
        for key, inner in value.items():
            if key in shape:
                yield from misshapen(inner, shape[key], f"{prefix}{key}")
            else:
                yield f'unknown field "{prefix}{key}"'
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where}: must be a list"
            return
        for index, inner in enumerate(value):
            if inner is None:
                yield f"{where}[{index}]: must not be empty"
            yield from misshapen(inner, shape[0], f"{where}[{index}]")
    elif not isinstance(value, shape):
        yield f"{where}: must be {_NAMES[shape]}"
