"""Random requests: an operation the server claims to serve, asked for well, badly or absurdly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson

from grappe.api import protobuf
from grappe.apiserver.http.messages import Request, User
from grappe.testing.cluster import ADMIN
from tests.cluster.widgets import PATCHES
from tests.fuzz.operations import Operation
from tests.fuzz.values import NAMES, Values

_NAMESPACES = ("default", "default", "default", "kube-system", "a", "none")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_TYPES = (
    "application/json",
    "application/yaml",
    _PROTOBUF,
    *PATCHES,
    "application/json; charset=utf-8",
    "text/plain",
    "APPLICATION/JSON;;;",
    ";",
    "",
    "application/apply-patch+cbor",
)
_FORMS = (
    "application/json",
    "application/yaml",
    _PROTOBUF,
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    f"{_PROTOBUF};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io, application/json",
    "application/json;as=Table;v=v9;g=x",
    "text/html",
    "*/*",
    "*/*;q=0.1, , ;",
    "",
    "application/json;as=",
    "application/json;stream=watch",
    'application/json;a="b',
)
_QUERY = {
    "labelSelector": (
        "a",
        "a=b",
        "a in (b,c)",
        "!a",
        "a in (",
        "=",
        ",",
        "a==b=c",
        "\x00",
        "A" * 300,
    ),
    "fieldSelector": (
        "metadata.name=a",
        "spec.nodeName=n1",
        "metadata.name!=a,metadata.namespace=default",
        "status.phase=x",
        "=",
        "a\\",
        "metadata.name==\\,",
        ",",
    ),
    "limit": ("1", "2", "500", "0", "-1", "9" * 30, "x", "1.5", "+1", " 1", "１"),
    "continue": ("x", "eyJ2Ijoi", "e30", "W10", "bnVsbA", "=", "YQ==", "\x00", "9" * 500),
    "resourceVersion": ("0", "1", "2", "20", "0", "-1", "x", "", "1.0", "９" * 25),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x", ""),
    "watch": ("true", "1", "false", "x", ""),
    "allowWatchBookmarks": ("true", "x"),
    "sendInitialEvents": ("true", "false", "x"),
    "timeoutSeconds": ("1", "0", "-1", "9" * 30, "x"),
    "dryRun": ("All", "x", ""),
    "fieldManager": ("m", "", "x" * 200, "\x00", "ü"),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x"),
    "force": ("true", "false", "x"),
    "gracePeriodSeconds": ("0", "30", "-1", "9" * 30, "x"),
    "propagationPolicy": ("Foreground", "Background", "Orphan", "x"),
    "orphanDependents": ("true", "false", "x"),
    "ignoreStoreReadErrorWithClusterBreakingPotential": ("true", "x"),
    "pretty": ("true", "x"),
    "container": ("a", "", "\x00"),
    "command": ("ls", ""),
    "stdin": ("true", "x"),
    "stdout": ("true",),
    "follow": ("true", "x"),
    "tailLines": ("1", "-1", "x"),
    "sinceSeconds": ("1", "0", "x"),
    "ports": ("80", "x", "9" * 9),
    "as": ("Table", "x"),
    "includeObject": ("Object", "None", "x"),
    "verbose": ("", "x"),
    "exclude": ("etcd", "x"),
    "hash": ("x",),
}
_OTHER_PATHS = (
    "/",
    "/api",
    "/apis",
    "/api/v1",
    "/apis/apps",
    "/apis/apps/v1",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/api/v1",
    "/version",
    "/healthz",
    "/livez",
    "/readyz/etcd",
    "/metrics",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
    "/debug/pprof",
    "/apis/example.com/v1/widgets",
    "/apis/example.com/v1/namespaces/default/widgets/a",
    "/apis/example.com/v1/namespaces/default/widgets/a/status",
    "/apis/example.com/v1/namespaces/default/widgets/a/scale",
    "/api/v1/watch/pods",
    "/api/v1/namespaces/default/pods/a/exec",
    "/api/v1/namespaces/default/pods/a/log",
    "/api/v1/namespaces/default/pods/a/portforward",
    "/api/v1/namespaces/default/pods/a/proxy/x",
    "/api/v1/namespaces/default/services/a:80/proxy/",
    "/api/v1/nodes/n1/proxy/pods",
)
_HEADERS = {
    "accept-encoding": ("gzip", "gzip;q=0", "*", "x,,;"),
    "impersonate-user": ("a", "", "system:serviceaccount:default:default", "system:node:n1", "ü"),
    "impersonate-group": ("a", "system:masters", "a\nb"),
    "impersonate-uid": ("x", ""),
    "impersonate-extra-a%2fb": ("x", "x\ny"),
    "impersonate-extra-": ("x",),
    "authorization": ("Bearer x", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic x", ""),
    "audit-id": ("x", "x" * 300, "\xff"),
    "user-agent": ("kubectl/v1.36.0", "", "\xff", "x" * 2000),
    "connection": ("upgrade", "close"),
    "upgrade": ("websocket", "SPDY/3.1", "x"),
    "sec-websocket-key": ("x",),
    "sec-websocket-version": ("13", "x"),
    "sec-websocket-protocol": ("v5.channel.k8s.io", "v4.channel.k8s.io", "x", ""),
    "if-none-match": ('"x"', "*"),
    "if-modified-since": ("x",),
    "x-remote-user": ("admin",),
    "x-remote-group": ("system:masters",),
    "content-encoding": ("gzip", "x"),
    "x-stream-protocol-version": ("v4.channel.k8s.io",),
}
_USERS = (
    User("a", ("system:authenticated",)),
    User("system:node:n1", ("system:nodes", "system:authenticated")),
    User("system:serviceaccount:default:default", ("system:serviceaccounts",)),
    None,
)
NEVER_STORED = (
    "admissionregistration.k8s.io/",
    "apiregistration.k8s.io/",
    "apiextensions.k8s.io/",
)
"""Stored, these would have the server call others, or refuse what follows."""

MIB = 1024 * 1024
_DEEP = 10_000


def _hostile() -> tuple[bytes, ...]:
    head = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":'
    return (
        b"",
        b"null",
        b"[]",
        b'""',
        b"\x00",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"metadata":{"name":"\xff"}}',
        b'{"metadata":{"name":"\\ud800"}}',
        b'{"metadata":{"name":"a\\u0000"}}',
        b'{"kind":"A","kind":"B","metadata":{"name":"a","name":"b"}}',
        b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
        b"[" * _DEEP + b"]" * _DEEP,
        b"[" * _DEEP,
        head + b"[" * 200 + b"]" * 200 + b"}",
        head + b'{"a":' + b"9" * 5000 + b"}}",
        head + b'{"a":1e999}}',
        head + b'{"a":-1e-999}}',
        head + b'{"a":NaN}}',
        b"a: &a [*a]",
        b"? {a: b}\n: c\n",
        b"- " * 5000,
        b"a: !!python/object:os.system x",
        b"a: !!binary x\nb: 2026-01-31\nc: .inf\nd: 0o7\ne: 1_000\n",
        b"---\na: 1\n---\nb: 2\n",
        b"%YAML 9.9\n---\n",
        b"\t",
        b"k8s\x00",
        b"k8s\x00" + b"\x0a" * 1000,
        b"k8s\x00\x0a\x0c\x0a\x02v1\x12\x06Status"
        + b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        b"k8s\x00\x0a\xff\xff\xff\xff\x0f",
    )


def _huge() -> tuple[bytes, ...]:
    head = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":'
    pairs = b",".join(b'"k%d":"v"' % i for i in range(230_000))
    return (
        head + b'{"a":"' + b"x" * (3 * MIB - 100) + b'"}}',
        head + b"{" + pairs[: pairs.rindex(b",")] + b"}}",
        head + b"[" + b"[]," * (MIB - 100) + b"1]}",
        b"[" + b'{"op":"test","path":"","value":1},' * 90_000 + b"1]",
        b"[" * (3 * MIB),
        b'{"a":' * (600 * 1024),
    )


HOSTILE = _hostile()
HUGE = _huge()


class Requests:
    """An endless supply of requests, the same for the same seed."""

    def __init__(self, seed: int, served: Sequence[Operation], *, huge: float = 0.0005) -> None:
        self._dice = random.Random(seed)
        self._served = served
        self._huge = huge

    def next(self) -> Request:
        dice = self._dice
        operation = dice.choice(self._served)
        name, namespace = dice.choice(NAMES), dice.choice(_NAMESPACES)
        method = operation.method if dice.random() < 0.95 else dice.choice(_METHODS)
        path = operation.path.replace("{namespace}", namespace).replace("{name}", name)
        if dice.random() < 0.02:
            path = dice.choice(_OTHER_PATHS)
        if dice.random() < 0.02:
            path = self._damaged_path(path)
        headers: dict[str, str] = {}
        body = b""
        if method in ("POST", "PUT", "PATCH") or dice.random() < 0.05:
            body, headers["content-type"] = self._body(operation, method, name, namespace)
        if dice.random() < 0.3:
            headers["accept"] = dice.choice(_FORMS)
        if dice.random() < 0.1:
            for header in dice.sample(sorted(_HEADERS), dice.randint(1, 4)):
                headers[header] = dice.choice(_HEADERS[header])
        return Request(
            method,
            path,
            self._query(operation, path, method),
            headers,
            body,
            user=ADMIN if dice.random() < 0.9 else dice.choice(_USERS),
        )

    def _damaged_path(self, path: str) -> str:
        dice = self._dice
        parts = path.split("/")
        parts[dice.randrange(len(parts))] = dice.choice(
            ("", ".", "..", "%00", "%2F", "%", "%zz", "%ff", "ÿ", "a" * 300, "*", "%E2%80%A8")
        )
        return "/".join(parts) or "/"

    def _query(self, operation: Operation, path: str, method: str) -> str:
        dice = self._dice
        asked: list[tuple[str, str]] = []
        known = [name for name, _ in operation.query]
        for name in known:
            if dice.random() < 0.15:
                asked.append((name, dice.choice(_QUERY.get(name, ("x", "", "1")))))
        while dice.random() < 0.08:
            name = dice.choice(list(_QUERY))
            asked.append((name, dice.choice(_QUERY[name])))
        if any(group in path for group in NEVER_STORED) and method not in ("GET", "HEAD"):
            asked = [(k, v) for k, v in asked if k != "dryRun"] + [("dryRun", "All")]
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked)
        if dice.random() < 0.01:
            text += dice.choice(("&", "&&=", "%", "&%ff=%ff", "&a", ";", "&dryRun=All;", "&+=+"))
        return text

    def _body(
        self, operation: Operation, method: str, name: str, namespace: str
    ) -> tuple[bytes, str]:
        dice = self._dice
        if dice.random() < self._huge:
            return dice.choice(HUGE), dice.choice(_TYPES)
        if dice.random() < 0.02:
            return dice.choice(HOSTILE), dice.choice(_TYPES)
        values = Values(dice, dice.choice((0.0, 0.0, 0.01, 0.1)))
        obj = values.object_of(operation, name, namespace)
        while dice.random() < 0.2:
            obj = values.damaged(obj)
        if method == "PATCH" and dice.random() < 0.97:
            kind = dice.choice(PATCHES)
            if kind == PATCHES[0] and dice.random() < 0.95:
                obj = values.json_patch(obj)
        else:
            kind = dice.choice(_TYPES) if dice.random() < 0.3 else "application/json"
        body = self._encoded(obj, kind)
        if body and dice.random() < 0.02:
            body = self._damaged_bytes(body)
        return body, kind

    def _encoded(self, obj: Any, kind: str) -> bytes:
        if kind == _PROTOBUF and isinstance(obj, dict):
            try:
                return protobuf.encode(obj)
            except Exception:
                pass  # only what fits its schema has a protobuf
        return orjson.dumps(obj)

    def _damaged_bytes(self, body: bytes) -> bytes:
        dice = self._dice
        changed = bytearray(body)
        for _ in range(dice.choice((1, 1, 3))):
            at = dice.randrange(len(changed))
            how = dice.randrange(4)
            if how == 0:
                changed[at] = dice.randrange(256)
            elif how == 1:
                del changed[at : at + dice.randrange(1, 9)]
                changed = changed or bytearray(b"x")
            elif how == 2:
                changed[at:at] = changed[at : at + dice.randrange(1, 40)]
            else:
                del changed[at + 1 :]
        return bytes(changed)
