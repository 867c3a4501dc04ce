"""AdmissionReview: the question a webhook is asked, and what its answer says. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.apiserver.admission.review_fields import review_fields
from grappe.apiserver.admission.webhooks.shown import Shown
from grappe.apiserver.registry.interface import AdmissionRequest

GROUP = "admission.k8s.io"
SPOKEN = ("v1", "v1beta1")


class InvalidAnswerError(ValueError):
    """The answer is not what an AdmissionReview's must be."""


class Verdict(NamedTuple):
    """`patch` is None when the webhook changes nothing; `status` is what it says of a denial."""

    allowed: bool
    patch: Any
    status: Object | None
    warnings: tuple[str, ...]
    annotations: Mapping[str, str]


def review_version(accepted: Sequence[str]) -> str | None:
    """The first version the webhook accepts that we speak."""
    return next((version for version in accepted if version in SPOKEN), None)


def question(version: str, request: Object) -> Object:
    return {"kind": "AdmissionReview", "apiVersion": f"{GROUP}/{version}", "request": request}


def review_request(uid: str, request: AdmissionRequest, resource: Resource, shown: Shown) -> Object:
    """The `request` of an AdmissionReview, about `shown` as an object of `resource`."""
    return {
        "uid": uid,
        "object": shown.obj,
        "oldObject": shown.old,
        **review_fields(request, resource, shown.kind, shown.request_kind),
    }


def read_answer(answer: Any, version: str, uid: str, *, mutating: bool) -> Verdict:
    """What a webhook's answer says; InvalidAnswerError in Kubernetes' words."""
    if not isinstance(answer, dict):
        raise InvalidAnswerError("webhook response was no object")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise InvalidAnswerError("webhook response was absent")
    if version == "v1" and response.get("uid") != uid:
        said = response.get("uid")
        said = said if isinstance(said, str) else ""
        raise InvalidAnswerError(f"expected response.uid={quote(uid)}, got {quote(said)}")
    if version == "v1" or answer.get("apiVersion") or answer.get("kind"):
        _check_kind(answer, version)
    return Verdict(
        response.get("allowed") is True,
        _patch(response, strict=version == "v1", mutating=mutating),
        _typed(response, "status", dict),
        tuple(text for text in _typed(response, "warnings", list) or () if isinstance(text, str)),
        {
            key: value
            for key, value in (_typed(response, "auditAnnotations", dict) or {}).items()
            if isinstance(value, str)
        },
    )


def _typed(response: Object, name: str, kind: type) -> Any:
    found = response.get(name)
    if found is not None and not isinstance(found, kind):
        raise InvalidAnswerError(f"response.{name} has the wrong type")
    return found


def _check_kind(answer: Object, version: str) -> None:
    if answer.get("apiVersion") == f"{GROUP}/{version}" and answer.get("kind") == "AdmissionReview":
        return
    group, _, said = str(answer.get("apiVersion") or "").rpartition("/")
    raise InvalidAnswerError(
        f"expected webhook response of {GROUP}/{version}, Kind=AdmissionReview, "
        f"got {group}/{said}, Kind={answer.get('kind') or ''}"
    )


def _patch(response: Object, *, strict: bool, mutating: bool) -> Any:
    patch, kind = response.get("patch"), response.get("patchType")
    if not mutating:
        if strict and patch:
            raise InvalidAnswerError("validating webhook may not return response.patch")
        if strict and kind is not None:
            raise InvalidAnswerError("validating webhook may not return response.patchType")
        return None
    if strict and patch and kind is None:
        raise InvalidAnswerError("webhook returned response.patch but not response.patchType")
    if strict and not patch and kind is not None:
        raise InvalidAnswerError("webhook returned response.patchType but not response.patch")
    if not patch:
        return None
    if kind not in ("JSONPatch", None):
        raise InvalidAnswerError(f"webhook returned invalid response.patchType of {quote(kind)}")
    try:
        return orjson.loads(base64.b64decode(patch, validate=True)) or None
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidAnswerError(f"response.patch cannot be read: {error}") from None


def denial(name: str, status: Object | None) -> ApiError:
    """What the client is told when the webhook `name` says no."""
    said = status or {}
    code, reason = said.get("code"), said.get("reason")
    reason = reason if isinstance(reason, str) else ""
    code = code if isinstance(code, int) and 400 <= code <= 599 else 400
    told = f"admission webhook {quote(name)} denied the request"
    message = said.get("message")
    if message and isinstance(message, str):
        told = f"{told}: {message}"
    elif reason:
        told = f"{told}: {reason}"
    else:
        told = f"{told} without explanation"
    details = said.get("details")
    return ApiError(code, reason, told, details if isinstance(details, dict) else None)
