"""Which form an answer takes, by the request's Accept header.

`as=Table` and `as=PartialObjectMetadata[List]` are those of
https://kubernetes.io/docs/reference/using-api/api-concepts/ .
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from grappe.api.errors import not_acceptable

Shape = Literal["", "Table", "PartialObjectMetadata"]
_JSON = "application/json"
_YAML = "application/yaml"
_ANY = ("*/*", "application/*")
_ACCEPTED = f"only the following media types are accepted: {_JSON}, {_YAML}"


class Form(NamedTuple):
    """`version` is that of meta.k8s.io for a shape other than the object itself."""

    shape: Shape = ""
    version: str = "v1"
    yaml: bool = False


PLAIN = Form()
_SHAPES: dict[str, Shape] = {
    "Table": "Table",
    "PartialObjectMetadata": "PartialObjectMetadata",
    "PartialObjectMetadataList": "PartialObjectMetadata",
}


@lru_cache(maxsize=256)
def negotiate(accept: str) -> Form:
    """The first form of an Accept header that can be given; ApiError 406 when there is none."""
    if not accept or accept == _JSON:
        return PLAIN
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        if media not in (_JSON, _YAML, *_ANY):
            continue
        named = dict(p.split("=", 1) for p in parameters if "=" in p)
        yaml = media == _YAML
        if "as" not in named:
            return Form(yaml=yaml)
        shape, version = _SHAPES.get(named["as"]), named.get("v", "v1")
        if shape and named.get("g") == "meta.k8s.io" and version in ("v1", "v1beta1"):
            return Form(shape, version, yaml)
    raise not_acceptable(_ACCEPTED)
