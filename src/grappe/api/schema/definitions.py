"""The data of the built-in kinds: one compressed file for each Kubernetes version.

The file is kept as unparsed pieces, one for each definition, so that reading it takes about two
milliseconds and what nobody asks for costs nothing.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

VERSION = "1.36"
_DATA = Path(__file__).parent / "data"
_PREFIX = "#/definitions/"


class _File(msgspec.Struct):
    kinds: dict[str, str]
    definitions: dict[str, msgspec.Raw]


@cache
def _file() -> _File:
    packed = (_DATA / f"kubernetes-{VERSION}.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=_File)


def definition(name: str) -> dict[str, Any]:
    """One OpenAPI v2 definition, newly parsed; KeyError when there is none of that name."""
    found: dict[str, Any] = msgspec.json.decode(_file().definitions[name])
    return found


def definition_of_kind(api_version: str, kind: str) -> str | None:
    """The name of the definition of a kind."""
    return _file().kinds.get(f"{api_version} {kind}")


def reference(schema: Mapping[str, Any]) -> str:
    """The definition a `$ref` points to; empty when the schema is no reference."""
    target: str = schema.get("$ref") or ""
    return target[len(_PREFIX) :]


def descriptions() -> dict[str, tuple[str, dict[str, str]]]:
    """(own text, {property: text}) of every definition. Large; not kept: `kubectl explain` asks
    once and caches."""
    return msgspec.json.decode(_described(), type=dict[str, tuple[str, dict[str, str]]])


def descriptions_of(names: Collection[str]) -> dict[str, tuple[str, dict[str, str]]]:
    """As `descriptions`, of these definitions only; KeyError when there is none of a name."""
    known = msgspec.json.decode(_described(), type=dict[str, msgspec.Raw])
    return {
        name: msgspec.json.decode(known[name], type=tuple[str, dict[str, str]]) for name in names
    }


def _described() -> bytes:
    return gzip.decompress((_DATA / f"kubernetes-{VERSION}-descriptions.json.gz").read_bytes())
