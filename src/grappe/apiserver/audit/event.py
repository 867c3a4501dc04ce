"""One `audit.k8s.io/v1` Event as a line of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import gmtime, strftime
from typing import Any, NamedTuple

import orjson

from grappe.api import Object, protobuf
from grappe.api.errors import ApiError
from grappe.apiserver.audit.policy import LEVELS, Decision, Level
from grappe.apiserver.http.messages import Request, User
from grappe.apiserver.registry.decoding import media_type, read_body
from grappe.apiserver.registry.interface import RequestInfo

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()}
_NAME = re.compile(rb'"metadata":\{"name":"([^"\\]+)"|^metadata:\n  name: ["\']?([^"\'\s]+)', re.M)
NAMED_WITHIN = 300
"""Bytes of an answer in which its object's name stands."""
_LONGEST_URI = 8192
_ALLOWED = "authorization.k8s.io/decision"
_REASON = "authorization.k8s.io/reason"
_REMEMBERED = 2_000
_LONGEST = 300
"""Characters of what a client says that are remembered."""
_askers: dict[tuple[int, str, str], tuple[User, str]] = {}
"""By the user's identity, with the user it is: who is remembered lives, so that no other is taken
for it."""


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
        """The Event, its fields in the order of the API. Written piece by piece: most of it is
        the same from one request to the next, and is kept as text."""
        (request, info, decision, audit_id, received), stage, code, at, *_ = self
        answer = self.answer if isinstance(self.answer, bytes) else b"".join(self.answer)
        refused = _status(answer) if code >= 400 else {}
        uri = f"{request.path}?{request.query}" if request.query else request.path
        text = (
            f'{{"kind":"Event","apiVersion":"audit.k8s.io/v1"'
            f',"level":"{_LEVEL_NAMES[decision.level]}","auditID":{_json(audit_id)}'
            f',"stage":"{stage}","requestURI":{_json(uri[:_LONGEST_URI])}'
            f',"verb":{_json(info.verb)}{_asker(request)}'
        )
        if info.resource_request:
            before, after = _around_name(info)
            name = _name(info, answer, refused)
            text += f'{before},"name":{_json(name)}{after}' if name else before + after
        if code:
            text += f',"responseStatus":{_response_status(code, refused)}'
            omit = decision.omit_managed_fields
            if decision.level >= Level.REQUEST:
                text += _body("requestObject", request.body, request.headers, omit)
            if decision.level >= Level.REQUEST_RESPONSE:
                headers = {"content-type": self.content_type}
                text += _body("responseObject", answer, headers, omit)
        text += (
            f',"requestReceivedTimestamp":"{_time(received)}","stageTimestamp":"{_time(at)}"'
            f"{_annotations(request) if stage != 'RequestReceived' else ''}}}\n"
        )
        return text.encode()


def needs_name(info: RequestInfo) -> bool:
    """Whether only the answer says what the object is called."""
    return info.verb == "create" and not info.name


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _annotations(request: Request) -> str:
    noted = request.annotations
    if not request.decision:
        return f',"annotations":{_json(noted)}' if noted else ""
    reason = (request.reason if request.decision == "allow" else None) or ""
    text = _decided(request.decision, reason)
    return f"{text},{_json(noted)[1:]}" if noted else f"{text}}}"


@lru_cache(maxsize=_REMEMBERED)
def _decided(decision: str, reason: str) -> str:
    """The beginning of the annotations."""
    return f',"annotations":{_json({_ALLOWED: decision, _REASON: reason})[:-1]}'


def _asker(request: Request) -> str:
    """Who asks, from where and with what; made once while the same one goes on asking."""
    user, headers = request.user, request.headers
    agent = headers.get("user-agent", "")
    if (
        (request.impersonator is not None or user is None or len(agent) > _LONGEST)
        or "x-forwarded-for" in headers
        or "x-real-ip" in headers
    ):
        return _asker_text(request)
    key = (id(user), request.remote, agent)
    known = _askers.get(key)
    if known is not None and known[0] is user:
        return known[1]
    if len(_askers) >= _REMEMBERED:
        _askers.clear()
    text = _asker_text(request)
    _askers[key] = (user, text)
    return text


def _asker_text(request: Request) -> str:
    text = f',"user":{_json(_user(request.impersonator or request.user))}'
    if request.impersonator is not None:
        text += f',"impersonatedUser":{_json(_user(request.user))}'
    text += f',"sourceIPs":{_json(_addresses(request.headers, request.remote))}'
    if agent := request.headers.get("user-agent"):
        text += f',"userAgent":{_json(agent)}'
    return text


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


def _around_name(info: RequestInfo) -> tuple[str, str]:
    """What the reference to an object says before and after its name."""
    parts = (info.plural, info.namespace, info.group, info.version, info.subresource)
    known = info.served is not None and len(info.namespace) + len(info.subresource) < _LONGEST
    return _object_ref(*parts) if known else _object_ref.__wrapped__(*parts)


@lru_cache(maxsize=_REMEMBERED)
def _object_ref(
    plural: str, namespace: str, group: str, version: str, subresource: str
) -> tuple[str, str]:
    before, after = {"resource": plural}, {"apiVersion": version}
    if namespace:
        before["namespace"] = namespace
    if group:
        after = {"apiGroup": group, **after}
    if subresource:
        after["subresource"] = subresource
    return f',"objectRef":{_json(before)[:-1]}', f",{_json(after)[1:]}"


def _name(info: RequestInfo, answer: bytes, refused: Object) -> str:
    """The object's name; of a new one what the answer says."""
    if not needs_name(info):
        return info.name
    if not refused:
        found = _NAME.search(answer[:NAMED_WITHIN])
        name = (found[1] or found[2]) if found else protobuf.name_of(answer)
        return name.decode(errors="replace")
    return str((refused.get("details") or {}).get("name") or "")


def _response_status(code: int, refused: Object) -> str:
    if not refused:
        return f'{{"metadata":{{}},"code":{code}}}'
    return _json({"metadata": {}, **refused, "code": code})


def _status(body: bytes) -> Object:
    """What a refusal says, in short."""
    if not body:
        return {}
    try:
        status = protobuf.decode(body) if protobuf.is_encoded(body) else orjson.loads(body)
    except (orjson.JSONDecodeError, ApiError):
        return {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return {}
    return {
        key: status[key] for key in ("status", "message", "reason", "details") if status.get(key)
    }


def _body(field: str, body: bytes, headers: Mapping[str, str], omit_managed_fields: bool) -> str:
    found = _object(body, headers, omit_managed_fields=omit_managed_fields)
    return "" if found is None else f',"{field}":{_json(found)}'


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
