"""`/metrics`: what the API server counts, in Prometheus' text format.

Names and labels are those of kube-apiserver
(https://kubernetes.io/docs/reference/instrumentation/metrics/), few of them for now.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from grappe.apiserver.discovery.version import version_info
from grappe.apiserver.http.messages import Request, Response
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.clock import Clock
from grappe.store.interface import Store

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_VERBS = {"create": "POST", "update": "PUT"}
_Counted = tuple[str, str, str, str, str, str, int]


class Metrics:
    """Counts answers; tells everything when asked."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._answers: dict[_Counted, int] = {}
        self._started = clock.now()

    def answered(self, info: RequestInfo, code: int) -> None:
        """One more answer. What is not served is counted without its name: names are endless."""
        if info.served is None:
            seen: _Counted = (info.verb, "", "", "", "", "", code)
        else:
            scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
            seen = (
                info.verb,
                info.group,
                info.version,
                info.plural,
                info.subresource,
                scope,
                code,
            )
        self._answers[seen] = self._answers.get(seen, 0) + 1

    def page(self, request: Request) -> Response | None:
        """The answer for `/metrics`."""
        if request.path.rstrip("/") != "/metrics":
            return None
        return Response(200, "".join(self._lines()).encode(), _TEXT)

    def _lines(self) -> Iterator[str]:
        yield from _family(
            "apiserver_request_total",
            "counter",
            "Requests answered, by verb, resource and code.",
            (
                (
                    {
                        "code": str(code),
                        "component": "apiserver",
                        "group": group,
                        "resource": plural,
                        "scope": scope,
                        "subresource": subresource,
                        "verb": _VERBS.get(verb, verb.upper()),
                        "version": version,
                    },
                    count,
                )
                for (verb, group, version, plural, subresource, scope, code), count in sorted(
                    self._answers.items()
                )
            ),
        )
        yield from _family(
            "apiserver_storage_objects",
            "gauge",
            "Objects stored, by resource.",
            (
                ({"resource": _qualified(bucket)}, self._store.count(bucket))
                for bucket in sorted(self._store.buckets())
            ),
        )
        info = version_info()
        labels = {
            "git_version": info["gitVersion"],
            "major": info["major"],
            "minor": info["minor"],
            "platform": info["platform"],
        }
        yield from _family("kubernetes_build_info", "gauge", "The version.", [(labels, 1)])
        yield from self._process()

    def _process(self) -> Iterator[str]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime
        for name, kind, told, value in (
            ("process_cpu_seconds_total", "counter", "CPU time used.", seconds),
            ("process_resident_memory_bytes", "gauge", "Memory in use.", _resident()),
            ("process_start_time_seconds", "gauge", "When it started.", self._started),
        ):
            yield from _family(name, kind, told, [({}, value)])


def _family(
    name: str, kind: str, told: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP {name} {told}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _qualified(bucket: str) -> str:
    """`apps/deployments` as metrics name it: `deployments.apps`."""
    group, _, plural = bucket.partition("/")
    return f"{plural}.{group}" if group else plural


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
