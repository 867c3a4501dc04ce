"""Requests: how many, how long, how large, and which go on for long."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from grappe.apiserver.http.messages import Request
from grappe.apiserver.registry.interface import RequestInfo, ServedResource
from grappe.base.metrics import Counter, Distribution, Gauge, Histogram, Registry, exponential

# fmt: off
_SECONDS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10,
            15, 20, 30, 45, 60)
# fmt: on
_SIZES = exponential(1000, 10, 7)
_OF_REQUEST = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_VERBS = {
    "get": "GET",
    "list": "LIST",
    "watch": "WATCH",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "apply": "APPLY",
    "delete": "DELETE",
    "deletecollection": "DELETECOLLECTION",
    "post": "POST",
    "put": "PUT",
    "head": "HEAD",
}
_CONNECTS = frozenset(("exec", "attach", "portforward", "proxy"))
_PATHS = frozenset(("/healthz", "/livez", "/readyz", "/metrics", "/version"))
_READ_ONLY = frozenset(("get", "list", "watch", "head", "options"))

_REMEMBERED = 10_000
_Kind = tuple[str, ServedResource | None, str, bool, str, int]


class _Series(NamedTuple):
    """What one kind of answer counts in."""

    answers: list[int]
    seconds: Distribution
    sizes: Distribution | None


class RequestMetrics:
    """`answered` is called once for each request, when it has its whole answer."""

    def __init__(self, registry: Registry) -> None:
        self._series: dict[_Kind, _Series] = {}
        self._answers: dict[tuple[str, ...], list[int]] = {}
        self._seconds = registry.add(
            Histogram(
                "apiserver_request_duration_seconds",
                "Seconds until the whole answer was there.",
                _SECONDS,
                ("verb", "dry_run", *_OF_REQUEST[1:]),
            )
        )
        self._sizes = registry.add(
            Histogram("apiserver_response_sizes", "Bytes of answers to reads.", _SIZES, _OF_REQUEST)
        )
        registry.add(
            Counter(
                "apiserver_request_total",
                "Requests answered, by verb, resource and code.",
                ("verb", "dry_run", *_OF_REQUEST[1:], "code"),
                lambda: ((labels, count[0]) for labels, count in sorted(self._answers.items())),
            )
        )
        self.in_flight = {"mutating": 0, "readOnly": 0}
        registry.add(
            Gauge(
                "apiserver_current_inflight_requests",
                "Requests that are being worked on.",
                ("request_kind",),
                lambda: (((kind,), number) for kind, number in self.in_flight.items()),
            )
        )
        self.long_running = registry.add(
            Gauge(
                "apiserver_longrunning_requests",
                "Watches, logs, shells and tunnels that are open.",
                _OF_REQUEST,
            )
        )
        self.watch_events = registry.add(
            Counter(
                "apiserver_watch_events_total",
                "Events sent to watchers.",
                ("group", "version", "resource"),
            )
        )

    def answered(
        self, request: Request, info: RequestInfo, code: int, seconds: float, size: int
    ) -> None:
        """One more answer, which took so long and has so many bytes."""
        verb, dry_run = info.verb, ""
        if verb not in _READ_ONLY:
            if "dryRun" in info.query:
                dry_run = info.query["dryRun"]
            if verb == "patch" and "apply-patch" in request.headers.get("content-type", ""):
                verb = "apply"
        kind = (verb, info.served, info.subresource, info.namespace == "", dry_run, code)
        series = self._series.get(kind)
        if series is None:
            series = self._of(info, kind)
        answers, timing, sizes = series
        answers[0] += 1
        timing.counts[bisect_left(_SECONDS, seconds)] += 1
        timing.total += seconds
        if sizes is not None:
            sizes.counts[bisect_left(_SIZES, size)] += 1
            sizes.total += size

    def _of(self, info: RequestInfo, kind: _Kind) -> _Series:
        """The series of a kind of answer; remembered where the kinds are bounded."""
        verb, *rest = labels_of(info, kind[0])
        dry_run = "All" if kind[4] == "All" else ""
        code = str(kind[5])
        answers = self._answers.setdefault((verb, dry_run, *rest, code), [0])
        found = _Series(
            answers,
            self._seconds.series((verb, dry_run, *rest)),
            self._sizes.series((verb, *rest)) if verb in ("GET", "LIST") else None,
        )
        if _is_served(info) and kind[4] in ("", "All"):
            if len(self._series) >= _REMEMBERED:  # definitions come and go
                self._series.clear()
            self._series[kind] = found
        return found


def labels_of(info: RequestInfo, verb: str = "") -> tuple[str, ...]:
    """Verb, group, version, resource, subresource, scope and component, as kube-apiserver names
    them. What is not served is counted without its name: names are endless."""
    shown = _VERBS.get(verb or info.verb, "other")
    if not _is_served(info):
        path = info.path if info.path in _PATHS else ""
        return shown, "", "", "", path, "", "apiserver"
    if info.subresource in _CONNECTS:
        shown = "CONNECT"
    if (info.name and info.verb not in ("list", "watch")) or info.verb == "create":
        scope = "resource"
    else:
        scope = "namespace" if info.namespace else "cluster"
    return shown, info.group, info.version, info.plural, info.subresource, scope, "apiserver"


def request_kind(info: RequestInfo) -> str:
    return "readOnly" if info.verb in _READ_ONLY else "mutating"


def _is_served(info: RequestInfo) -> bool:
    resource = info.resource
    if resource is None:
        return False
    return not info.subresource or info.subresource in resource.subresources
