"""One `audit.k8s.io/v1` Event as a line of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import gmtime, strftime
from typing import Any, NamedTuple

import orjson

from grappe.api import Object
from grappe.apiserver.audit.policy import LEVELS, Decision, Level
from grappe.apiserver.http.messages import Request, User
from grappe.apiserver.registry.decoding import media_type, read_body
from grappe.apiserver.registry.interface import RequestInfo

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()}
_NAME = re.compile(rb'"metadata":\{"name":"([^"\\]+)"')
NAMED_WITHIN = 300
"""Bytes of an answer in which its object's name stands."""
_LONGEST_URI = 8192
_ALLOWED = "authorization.k8s.io/decision"
_REASON = "authorization.k8s.io/reason"
_REMEMBERED = 2_000
_users: dict[int, tuple[User, orjson.Fragment]] = {}
"""By identity, with the user it is: who is remembered lives, so that no other is taken for it."""


class Followed(NamedTuple):
    """A request that is told of; `received` is in seconds since the epoch."""

    request: Request
    info: RequestInfo
    decision: Decision
    audit_id: str
    received: float


class Told(NamedTuple):
    """A request at one of its stages. `answer` is the answer's body as far as it is needed, of
    the type `content_type`."""

    followed: Followed
    stage: str
    code: int
    at: float
    answer: bytes | Sequence[bytes]
    content_type: str

    def line(self) -> bytes:
        return orjson.dumps(event(self), option=orjson.OPT_APPEND_NEWLINE)


def needs_name(info: RequestInfo) -> bool:
    """Whether only the answer says what the object is called."""
    return info.verb == "create" and not info.name


def event(told: Told) -> Object:
    """The Event, its fields in the order of the API."""
    (request, info, decision, audit_id, received), stage, code, at, *_ = told
    query = f"?{request.query}" if request.query else ""
    found: Object = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": _LEVEL_NAMES[decision.level],
        "auditID": audit_id,
        "stage": stage,
        "requestURI": (request.path + query)[:_LONGEST_URI],
        "verb": info.verb,
        "user": _user(request.impersonator or request.user),
    }
    if request.impersonator is not None:
        found["impersonatedUser"] = _user(request.user)
    found["sourceIPs"] = _addresses(request.headers, request.remote)
    if agent := request.headers.get("user-agent"):
        found["userAgent"] = agent
    answer = told.answer if isinstance(told.answer, bytes) else b"".join(told.answer)
    refused = _status(answer) if code >= 400 else {}
    if info.resource_request:
        found["objectRef"] = _object_ref(info, _name(info, answer, refused))
    if code:
        found["responseStatus"] = {"metadata": {}, **refused, "code": code}
        omit = decision.omit_managed_fields
        if decision.level >= Level.REQUEST:
            _add(found, "requestObject", request.body, request.headers, omit)
        if decision.level >= Level.REQUEST_RESPONSE:
            headers = {"content-type": told.content_type}
            _add(found, "responseObject", answer, headers, omit)
    found["requestReceivedTimestamp"] = _time(received)
    found["stageTimestamp"] = _time(at)
    if stage != "RequestReceived":
        annotations = _annotations(request)
        if annotations:
            found["annotations"] = annotations
    return found


def _annotations(request: Request) -> Mapping[str, str]:
    if not request.decision:
        return request.annotations or {}
    reason = request.reason if request.decision == "allow" else None
    return {_ALLOWED: request.decision, _REASON: reason or "", **(request.annotations or {})}


def _user(user: User | None) -> orjson.Fragment | Object:
    """A user as JSON, made once while the same one goes on asking."""
    if user is None:
        return {}
    known = _users.get(id(user))
    if known is not None and known[0] is user:
        return known[1]
    found: Object = {"username": user.name}
    if user.uid:
        found["uid"] = user.uid
    if user.groups:
        found["groups"] = user.groups
    if user.extra:
        found["extra"] = dict(user.extra)
    if len(_users) >= _REMEMBERED:
        _users.clear()
    text = orjson.Fragment(orjson.dumps(found))
    _users[id(user)] = (user, text)
    return text


def _addresses(headers: Mapping[str, str], remote: str) -> list[str]:
    """Where a request came from, through which proxies; `::1` for one made in-process."""
    found = []
    if "x-forwarded-for" in headers:
        found = [part.strip() for part in headers["x-forwarded-for"].split(",") if part.strip()]
    if real := headers.get("x-real-ip"):
        found.append(real)
    peer = remote or "::1"
    if peer not in found[-1:]:
        found.append(peer)
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


def _name(info: RequestInfo, answer: bytes, refused: Object) -> str:
    """The object's name; of a new one what the answer says."""
    if not needs_name(info):
        return info.name
    found = None if refused else _NAME.search(answer[:NAMED_WITHIN])
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


def _add(
    event: Object, field: str, body: bytes, headers: Mapping[str, str], omit_managed_fields: bool
) -> None:
    found = _object(body, headers, omit_managed_fields=omit_managed_fields)
    if found is not None:
        event[field] = found


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
