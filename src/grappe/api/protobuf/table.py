"""The table of messages: which field has which number, type and JSON name."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson


class Field(NamedTuple):
    """`shape` is one, list or map (from strings); `type` a scalar's or a message's name.

    `pointer`: absent and empty differ. `inline`: its fields stand in the message around it.
    `keep_zero`: JSON shows it even when it is empty.
    """

    name: str
    shape: str
    type: str
    pointer: bool
    inline: bool
    keep_zero: bool


Message = dict[int, Field]


@cache
def _data() -> dict[str, Any]:
    packed = (Path(__file__).parent / "data" / "kubernetes-1.36.json.gz").read_bytes()
    data: dict[str, Any] = orjson.loads(gzip.decompress(packed))
    return data


@cache
def message(name: str) -> Message:
    """The fields of a message by their numbers."""
    return {
        number: Field(json_name, shape, kind, "p" in marks, "i" in marks, "z" in marks)
        for number, json_name, shape, kind, marks in _data()["messages"][name]
    }


@cache
def is_list(name: str) -> bool:
    """Whether a message only wraps a list, which in JSON stands alone."""
    return name in _data()["lists"]


_META = "k8s.io.apimachinery.pkg.apis.meta.v1."


@cache
def message_of_kind(api_version: str, kind: str) -> str | None:
    """The message of a kind; request options such as DeleteOptions belong to every group."""
    found: str | None = _data()["kinds"].get(f"{api_version}/{kind}")
    if found is None and _META + kind in _data()["messages"]:
        return _META + kind
    return found
