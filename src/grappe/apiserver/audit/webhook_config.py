"""The kubeconfig that says where audit events are sent, read and checked.

https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grappe.apiserver.configuration import read_configuration

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_TEXTS = ("token", "username", "password", "tls-server-name")
_UNSUPPORTED = {"exec": "user", "auth-provider": "user", "proxy-url": "cluster"}


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """`ca` is a PEM bundle, empty: the authorities the machine trusts. `certificate` and `key` are
    PEM, empty: none is shown. `authorization` is a header's value; `token_file` is read at each
    request instead."""

    url: str
    ca: bytes = b""
    verified: bool = True
    server_name: str = ""
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    authorization: str = field(default="", repr=False)
    token_file: Path | None = None


def load_webhook(path: Path) -> WebhookConfig | None:
    """What the kubeconfig at `path` says, None when there is none; UserError naming all that is
    wrong in it, never with what it holds."""
    obj = read_configuration(path, problems)
    return None if obj is None else parse(obj)


def problems(obj: Any) -> Iterator[str]:
    """All that is wrong with the kubeconfig of a webhook, each with its field."""
    if not isinstance(obj, dict):
        yield "the file: must be a kubeconfig"
        return
    try:
        cluster, user = _chosen(obj)
    except ValueError as error:
        yield str(error)
        return
    for field_, part in _UNSUPPORTED.items():
        if (cluster if part == "cluster" else user).get(field_):
            yield f"{part}.{field_}: not supported here"
    url = cluster.get("server")
    if not isinstance(url, str) or urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        yield "cluster.server: must be an https address"
    for part, facts in (("cluster", cluster), ("user", user)):
        yield from _content_problems(facts, part)
    if bool(_given(user, "client-certificate")) != bool(_given(user, "client-key")):
        yield "user: client-certificate and client-key go together"


def _content_problems(facts: Mapping[str, Any], part: str) -> Iterator[str]:
    for name, value in facts.items():
        if name in _FILES and value:
            if not isinstance(value, str) or not Path(value).is_absolute():
                yield f"{part}.{name}: must be an absolute path: the cluster keeps a copy of this"
            elif not Path(value).is_file():
                yield f"{part}.{name}: there is no file {value}"
        elif name.endswith("-data") and value and _decoded(value) is None:
            yield f"{part}.{name}: must be base64"
        elif name in _TEXTS and value is not None and not _is_line(value):
            yield f"{part}.{name}: must be a text of one line"


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value.isascii()


def parse(obj: Mapping[str, Any]) -> WebhookConfig:
    """A kubeconfig without `problems`."""
    cluster, user = _chosen(obj)
    token, token_file = user.get("token") or "", user.get("tokenFile") or ""
    authorization = f"Bearer {token}" if token else ""
    if not token and not token_file and user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return WebhookConfig(
        url=cluster["server"],
        ca=_given(cluster, "certificate-authority"),
        verified=not cluster.get("insecure-skip-tls-verify"),
        server_name=cluster.get("tls-server-name") or "",
        certificate=_given(user, "client-certificate"),
        key=_given(user, "client-key"),
        authorization=authorization,
        token_file=Path(token_file) if token_file and not token else None,
    )


def _chosen(obj: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The cluster and the user of the current context; ValueError says what is missing."""
    context = _named(obj, "contexts", "context", obj.get("current-context"), "current-context")
    cluster = _named(obj, "clusters", "cluster", context.get("cluster"), "context.cluster")
    if not context.get("user"):
        return cluster, {}
    return cluster, _named(obj, "users", "user", context.get("user"), "context.user")


def _named(
    obj: Mapping[str, Any], section: str, part: str, name: Any, asked_by: str
) -> Mapping[str, Any]:
    if not name:
        raise ValueError(f"{asked_by}: Required value")
    entries = obj.get(section)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(part)
            if isinstance(found, dict):
                return found
    raise ValueError(f"{section}: there is none with the name that {asked_by} says")


def _given(facts: Mapping[str, Any], name: str) -> bytes:
    """What is given in place, or else in a file; empty when neither is."""
    in_place = facts.get(f"{name}-data")
    if in_place:
        return _decoded(in_place) or b""
    file = facts.get(name)
    try:
        return Path(file).read_bytes() if isinstance(file, str) and file else b""
    except OSError:
        return b""


def _decoded(value: Any) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None
