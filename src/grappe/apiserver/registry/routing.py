"""From a request line to a RequestInfo.

The grammar of paths and the mapping of methods to verbs are those of Kubernetes
(https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, unquote

from grappe.apiserver.registry.interface import RequestInfo, ServedResource

Find = Callable[[str, str, str], ServedResource | None]

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))
_NO_QUERY: Mapping[str, str] = {}
_REMEMBERED = 2_000
_LONGEST = 300
_known: dict[tuple[str, str], RequestInfo] = {}
"""What plain paths came to before."""


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean parameter as Kubernetes reads it: there, and neither `false` nor `0`."""
    value = query.get(name)
    return value is not None and value != "0" and value.lower() != "false"


def parse_query(query: str) -> Mapping[str, str]:
    """Query parameters; of a repeated one the first counts, as in Kubernetes."""
    if not query:
        return _NO_QUERY
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, value)
    return found


def parse(method: str, path: str, query: str, find: Find) -> RequestInfo:
    """What `method path?query` asks for; `path` is percent-encoded. Not to be changed: the next
    that ask the same get the same."""
    if query or len(path) > _LONGEST:
        return _parse(method, path, query, find)
    info = _known.get((method, path))
    if info is None or info.served is not find(info.group, info.version, info.plural):
        info = _parse(method, path, query, find)
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[method, path] = info
    return info


def _parse(method: str, path: str, query: str, find: Find) -> RequestInfo:
    if "%" in path:
        path = unquote(path)
    parameters = parse_query(query)
    info = RequestInfo(method.lower(), path, parameters)
    parts = path.split("/")
    if not all(parts[1:]):  # empty segments, as of a trailing slash, count for nothing
        parts = ["", *filter(None, parts)]
    del parts[0]
    if len(parts) < 3:
        return info
    if parts[0] == "api":
        info.version, rest = parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        info.group, info.version, rest = parts[1], parts[2], parts[3:]
    else:
        return info
    info.resource_request = True
    info.verb = _VERBS.get(method, "")
    watch_prefix = rest[0] == "watch" and len(rest) > 1
    if watch_prefix:
        rest = rest[1:]
    if rest[0] == "namespaces" and len(rest) > 1:
        info.namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    info.plural = rest[0]
    if len(rest) > 1:
        info.name = rest[1]
    if len(rest) > 2:
        info.subresource = rest[2]
        info.tail = "/".join(rest[3:])
        if rest[3:] and path.endswith("/"):
            info.tail += "/"
    if info.plural == "namespaces":
        info.namespace = info.name
    _settle_verb(info, watch_prefix)
    info.served = find(info.group, info.version, info.plural)
    return info


def _settle_verb(info: RequestInfo, watch_prefix: bool) -> None:
    if watch_prefix:
        info.verb = "watch"
        if info.name:
            terms = [info.query.get("fieldSelector", ""), f"metadata.name={info.name}"]
            info.query = {**info.query, "fieldSelector": ",".join(filter(None, terms))}
    elif info.verb == "delete" and not info.name:
        info.verb = "deletecollection"
    elif info.verb == "get" and not info.name:
        info.verb = "watch" if flag(info.query, "watch") else "list"
        info.name = _single_name(info.query.get("fieldSelector", ""))


def _single_name(selector: str) -> str:
    """The name a field selector pins down, so that authorization can see it."""
    for term in selector.split(","):
        field, separator, value = term.partition("=")
        if field == "metadata.name" and separator:
            value = value.removeprefix("=")
            return value if value and "/" not in value else ""
    return ""


def opens_a_shell(info: RequestInfo) -> bool:
    """Whether a GET opens a connection into a pod (KEP-4006)."""
    return (
        info.verb == "get"
        and info.subresource in ("exec", "attach", "portforward")
        and info.plural == "pods"
        and not info.group
    )
