"""What a conversion webhook's answer must be, and what of it counts. Pure.

A webhook converts what is its kind's own; of the metadata only labels and annotations are its
business.
"""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.validation.rules import annotation_map, label_map

_IDENTITY = (("name", "name"), ("namespace", "namespace"), ("uid", "UID"))


class InvalidConversionError(ValueError):
    """The answer is no conversion of what was asked; the text is Kubernetes'."""


def converted_objects(answer: Any, version: str, uid: str) -> list[Any]:
    """The objects of a ConversionReview; InvalidConversionError when it tells of a failure or is
    none. `version` is the review's apiVersion, `uid` the request's."""
    if not isinstance(answer, dict):
        raise InvalidConversionError("no response provided")
    strict = version.endswith("/v1")
    if strict and (answer.get("apiVersion") != version or answer.get("kind") != "ConversionReview"):
        group, _, said = str(answer.get("apiVersion") or "").rpartition("/")
        raise InvalidConversionError(
            f"expected webhook response of {version}, Kind=ConversionReview, "
            f"got {group}/{said}, Kind={answer.get('kind') or ''}"
        )
    response = answer.get("response")
    if not isinstance(response, dict):
        raise InvalidConversionError("no response provided")
    if strict and response.get("uid") != uid:
        said = str(response.get("uid") or "")
        raise InvalidConversionError(f"expected response.uid={quote(uid)}, got {quote(said)}")
    result = response.get("result")
    result = result if isinstance(result, dict) else {}
    if result.get("status") != "Success":
        told = f"response.result.status was '{result.get('status') or ''}', not 'Success'"
        raise InvalidConversionError(str(result.get("message") or told))
    found = response.get("convertedObjects")
    return found if isinstance(found, list) else []


def restored(original: Object, converted: Any, api_version: str) -> Object:
    """`converted` with the metadata of what it was made from, but its own labels and
    annotations; InvalidConversionError when it is not the same object."""
    if not isinstance(converted, dict):
        raise InvalidConversionError("object: it is no object")
    if converted.get("apiVersion") != api_version:
        raise InvalidConversionError(
            f"object: invalid groupVersion (expected {api_version}, "
            f"received {converted.get('apiVersion') or ''})"
        )
    if converted.get("kind") != original["kind"]:
        raise InvalidConversionError(
            f"object: invalid kind (expected {original['kind']}, "
            f"received {converted.get('kind') or ''})"
        )
    metadata, before = converted.get("metadata"), original["metadata"]
    if metadata is None:
        raise InvalidConversionError("metadata: missing metadata in converted object")
    if not isinstance(metadata, dict):
        raise InvalidConversionError("metadata: metadata of the converted object is no object")
    for field, name in _IDENTITY:
        wanted, found = before.get(field) or "", metadata.get(field) or ""
        if wanted != found:
            raise InvalidConversionError(f"object: must have the same {name}: {wanted} != {found}")
    kept = {k: v for k, v in before.items() if k not in ("labels", "annotations")}
    for field in ("labels", "annotations"):
        value = metadata.get(field)
        if value is not None:
            _check_map(field, value)
            kept[field] = value
    return {**converted, "metadata": kept}


def _check_map(field: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise InvalidConversionError(f"metadata: metadata.{field} of the object is no map")
    for key, text in value.items():
        if not isinstance(text, str):
            raise InvalidConversionError(
                f"metadata: metadata.{field}[{key}] must be a string in the converted object"
            )
    problems = (
        label_map(value, "metadata.labels")
        if field == "labels"
        else annotation_map(value, "metadata.annotations")
    )
    told = ", ".join(f"{cause.field}: {cause.message}" for cause in problems)
    if told:
        raise InvalidConversionError(f"metadata: {told}")
