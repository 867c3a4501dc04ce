"""Which form an answer takes, by the request's Accept header.

`as=Table` and `as=PartialObjectMetadata[List]` are those of
https://kubernetes.io/docs/reference/using-api/api-concepts/ . Custom resources have no protobuf,
Tables neither; a client that names several forms gets the first that can be given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from grappe.api.errors import ApiError, not_acceptable
from grappe.api.protobuf.decode import CONTENT_TYPE as PROTOBUF
from grappe.apiserver.http.accept import Accepted, accepted

Shape = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]
Media = Literal["json", "yaml", "protobuf"]
MEDIA_TYPES: dict[Media, str] = {
    "json": "application/json",
    "yaml": "application/yaml",
    "protobuf": PROTOBUF,
}
STREAM_TYPES: dict[Media, str] = {
    "json": "application/json",
    "protobuf": f"{PROTOBUF};stream=watch",
}
_STREAMED = f"application/json;stream=watch, {PROTOBUF};stream=watch"
_SHAPES: dict[str, Shape] = {
    "Table": "Table",
    "PartialObjectMetadata": "PartialObjectMetadata",
    "PartialObjectMetadataList": "PartialObjectMetadataList",
}
_CONVERSION = ("as", "g", "v")


class Form(NamedTuple):
    """`version` is that of meta.k8s.io for a shape other than the object itself."""

    shape: Shape = ""
    version: str = "v1"
    media: Media = "json"


PLAIN = Form()
_YAML_FORM = Form(media="yaml")
_PROTOBUF_FORM = Form(media="protobuf")


@lru_cache(maxsize=256)
def negotiate(accept: str, custom: bool = False, watch: bool = False) -> Form:
    """The best form of an Accept header that can be given, of a custom resource or a built-in
    one, for a watch or a whole answer; ApiError 406 when there is none."""
    if not accept or accept == "application/json":
        return PLAIN
    for entry in accepted(accept):
        for media, name in MEDIA_TYPES.items():
            if _matches(entry.media_type, name):
                form = _form(entry, media, custom)
                if form is not None and not (watch and media == "yaml"):
                    return form
    raise unacceptable(watch)


def unacceptable(watch: bool = False) -> ApiError:
    """406 that names every media type."""
    types = _STREAMED if watch else ", ".join(MEDIA_TYPES.values())
    return not_acceptable(f"only the following media types are accepted: {types}")


def _matches(asked: str, media_type: str) -> bool:
    return asked in (media_type, "application/*", "*/*")


def _form(entry: Accepted, media: Media, custom: bool) -> Form | None:
    named = entry.parameters
    stream = named.get("stream")
    if stream and (stream != "watch" or media == "yaml"):
        return None
    if not any(name in named for name in _CONVERSION):
        return None if custom and media == "protobuf" else Form(media=media)
    shape, version = _SHAPES.get(named.get("as", "")), named.get("v", "")
    if not shape or named.get("g") != "meta.k8s.io" or version not in ("v1", "v1beta1"):
        return None
    if shape == "Table" and media == "protobuf":
        return None
    return Form(shape, version, media)


@lru_cache(maxsize=256)
def negotiate_status(accept: str) -> Form:
    """The form of an error or another document that is never converted; JSON when the client
    names nothing that can be given."""
    for entry in accepted(accept):
        if any(name in entry.parameters for name in _CONVERSION):
            continue
        if _matches(entry.media_type, "application/json"):
            return PLAIN
        if entry.media_type == PROTOBUF:
            return _PROTOBUF_FORM
        if entry.media_type == "application/yaml":
            return _YAML_FORM
    return PLAIN
