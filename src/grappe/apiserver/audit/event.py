"""One `audit.k8s.io/v1` Event as a line of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import gmtime, strftime
from typing import Any

import orjson

from grappe.api import Object
from grappe.apiserver.audit.policy import LEVELS, Decision
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.decoding import media_type, read_body
from grappe.apiserver.registry.interface import RequestInfo

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()}
_NAME = re.compile(rb'"metadata":\{"name":"([^"\\]+)"')
_NAMED_WITHIN = 300  # bytes of an answer in which its object's name stands


@dataclass(slots=True)
class Told:
    """What is known of a request at one of its stages. Bodies are there only where the level asks
    for them; `status` is the Status of a refusal."""

    decision: Decision
    audit_id: str
    stage: str
    uri: str
    verb: str
    info: RequestInfo
    user: User | None
    impersonated: User | None
    addresses: Sequence[str]
    agent: str
    received: float
    at: float
    code: int = 0
    status: bytes = b""
    named: bytes = b""
    request: tuple[bytes, Mapping[str, str]] | None = None
    response: tuple[bytes, Mapping[str, str]] | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> bytes:
        return orjson.dumps(event(self), option=orjson.OPT_APPEND_NEWLINE)


def event(told: Told) -> Object:
    """The Event, its fields in the order of the API."""
    decision = told.decision
    found: Object = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": _LEVEL_NAMES[decision.level],
        "auditID": told.audit_id,
        "stage": told.stage,
        "requestURI": told.uri,
        "verb": told.verb,
        "user": _user(told.user),
    }
    if told.impersonated is not None:
        found["impersonatedUser"] = _user(told.impersonated)
    if told.addresses:
        found["sourceIPs"] = told.addresses
    if told.agent:
        found["userAgent"] = told.agent
    refused = _status(told.status)
    if told.info.resource_request:
        found["objectRef"] = _object_ref(told.info, _name(told, refused))
    if told.code:
        found["responseStatus"] = {"metadata": {}, **refused, "code": told.code}
    for name, body in (("requestObject", told.request), ("responseObject", told.response)):
        if body is not None:
            obj = _object(*body, omit_managed_fields=decision.omit_managed_fields)
            if obj is not None:
                found[name] = obj
    found["requestReceivedTimestamp"] = _time(told.received)
    found["stageTimestamp"] = _time(told.at)
    if told.annotations:
        found["annotations"] = told.annotations
    return found


def _user(user: User | None) -> Object:
    if user is None:
        return {}
    found: Object = {"username": user.name}
    if user.uid:
        found["uid"] = user.uid
    if user.groups:
        found["groups"] = user.groups
    if user.extra:
        found["extra"] = dict(user.extra)
    return found


def _object_ref(info: RequestInfo, name: str) -> Object:
    found = {"resource": info.plural}
    if info.namespace:
        found["namespace"] = info.namespace
    if name:
        found["name"] = name
    if info.group:
        found["apiGroup"] = info.group
    found["apiVersion"] = info.version
    if info.subresource:
        found["subresource"] = info.subresource
    return found


def _name(told: Told, refused: Object) -> str:
    """The object's name; of a new one what the answer says."""
    if told.info.name or told.info.verb != "create":
        return told.info.name
    found = _NAME.search(told.named[:_NAMED_WITHIN])
    if found:
        return found[1].decode(errors="replace")
    return str((refused.get("details") or {}).get("name") or "")


def _status(body: bytes) -> Object:
    """What a refusal says, in short."""
    if not body:
        return {}
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return {}
    return {
        key: status[key] for key in ("status", "message", "reason", "details") if status.get(key)
    }


def _object(body: bytes, headers: Mapping[str, str], *, omit_managed_fields: bool) -> Any:
    """A body as it is told; None when there is none or it cannot be read."""
    if not body:
        return None
    try:
        if media_type(headers).endswith(("json", "apply-patch+yaml")):
            found = orjson.loads(body) if body[:1] in b"{[" else _yaml(body)
        else:
            found = read_body(body, headers, "")
    except Exception:  # what a client sends may be anything
        return None
    if omit_managed_fields:
        for obj in (found, *_items(found)):
            metadata = obj.get("metadata") if isinstance(obj, dict) else None
            if isinstance(metadata, dict):
                metadata.pop("managedFields", None)
    return found


def _items(found: Any) -> list[Any]:
    items = found.get("items") if isinstance(found, dict) else None
    return items if isinstance(items, list) else []


def _yaml(body: bytes) -> Any:
    from grappe.apiserver.registry.yaml_bodies import read_yaml

    return read_yaml(body)


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))


def _time(seconds: float) -> str:
    """RFC 3339 with microseconds."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"
