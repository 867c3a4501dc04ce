"""ConfigMaps and Secrets (https://kubernetes.io/docs/concepts/configuration/)."""

from __future__ import annotations

import base64
import binascii
import json

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, required, too_long
from grappe.api.validation.rules import Causes, immutable

_MOST_BYTES = 2**20
_HELD = "field is immutable when `immutable` is set"
_HIDDEN = "<secret contents redacted>"
_JSON_KEYS = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_ACCOUNT = "kubernetes.io/service-account.name"


def config_map(obj: Object) -> Causes:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    size = 0
    for key, value in data.items():
        for problem in names.config_key_problems(key):
            yield invalid(f"data[{key}]", key, problem)
        if key in binary:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(value) if value.isascii() else len(value.encode())
    for key, value in binary.items():
        for problem in names.config_key_problems(key):
            yield invalid(f"binaryData[{key}]", key, problem)
        size += _decoded_size(value)
    if size > _MOST_BYTES:
        yield too_long("", _MOST_BYTES)


def _decoded_size(value: str) -> int:
    return len(value) * 3 // 4 - value.count("=", -2)


def _settled(new: Object, old: Object, *parts: str) -> Causes:
    """`immutable: true` cannot be taken back and holds the data."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden("immutable", _HELD)
    for part in parts:
        if (new.get(part) or {}) != (old.get(part) or {}):
            yield forbidden(part, _HELD)


def config_map_update(new: Object, old: Object) -> Causes:
    yield from _settled(new, old, "data", "binaryData")
    yield from config_map(new)


def secret(obj: Object) -> Causes:
    data = obj.get("data") or {}
    size = 0
    for key, value in data.items():
        for problem in names.config_key_problems(key):
            yield invalid(f"data[{key}]", key, problem)
        size += _decoded_size(value)
    if size > _MOST_BYTES:
        yield too_long("data", _MOST_BYTES)
    if kind := obj.get("type"):
        yield from _type(kind, data, obj["metadata"])


def _type(kind: str, data: Object, metadata: Object) -> Causes:
    """What secrets of a type that Kubernetes knows must hold."""
    if kind == "kubernetes.io/service-account-token":
        if not (metadata.get("annotations") or {}).get(_ACCOUNT):
            yield required(f"metadata.annotations[{_ACCOUNT}]")
    elif key := _JSON_KEYS.get(kind):
        if key not in data:
            yield required(f"data[{key}]")
        elif problem := _json_problem(data[key]):
            yield invalid(f"data[{key}]", _HIDDEN, problem)
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            yield required("data[username]")
            yield required("data[password]")
    elif kind == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            yield required("data[ssh-privatekey]")
    elif kind == "kubernetes.io/tls":
        for key in ("tls.crt", "tls.key"):
            if key not in data:
                yield required(f"data[{key}]")


def _json_problem(encoded: str) -> str:
    """Why this is no JSON object; nothing of what is in it is told."""
    try:
        found = json.loads(base64.b64decode(encoded))
    except (binascii.Error, ValueError, RecursionError):
        return (
            "invalid character looking for beginning of value"
            if encoded
            else ("unexpected end of JSON input")
        )
    if isinstance(found, dict) or found is None:
        return ""
    return "json: cannot unmarshal into Go value of type map[string]interface {}"


def secret_update(new: Object, old: Object) -> Causes:
    yield from immutable(new.get("type"), old.get("type"), "type")
    yield from _settled(new, old, "data")
    yield from secret(new)
