"""The store and the process, told when asked."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from grappe.apiserver.discovery.version import version_info
from grappe.base.metrics import Counter, Gauge, Histogram, Labels, Registry, exponential
from grappe.store.interface import EventType, Store

_OPERATIONS: dict[EventType, str] = {"ADDED": "create", "MODIFIED": "update", "DELETED": "delete"}
# fmt: off
_SECONDS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10,
            15, 20, 30, 45, 60)
# fmt: on


class StorageMetrics:
    """Objects, bytes and commits, under the names of kube-apiserver and, where the store is what
    etcd is there, of etcd."""

    def __init__(self, registry: Registry, store: Store, database: Path) -> None:
        self._store = store
        self._database = database
        self._requests = registry.add(
            Histogram(
                "etcd_request_duration_seconds",
                "Seconds a write waited for the commit of its group.",
                _SECONDS,
                ("operation", "type"),
            )
        )
        self._commits = registry.add(
            Histogram(
                "etcd_disk_backend_commit_duration_seconds",
                "Seconds of a commit to disk.",
                exponential(0.001, 2, 14),
            )
        ).series()
        for name, told, labels, read in (
            (
                "apiserver_storage_objects",
                "Objects stored, by resource.",
                ("resource",),
                self._objects,
            ),
            (
                "apiserver_resource_objects",
                "Objects stored, by group and resource.",
                ("group", "resource"),
                self._resources,
            ),
            (
                "apiserver_storage_size_bytes",
                "Bytes of the database file and its log.",
                ("storage_cluster_id",),
                self._size,
            ),
        ):
            registry.add(Gauge(name, told, labels, read))
        store.on_commit(self._committed)

    def _committed(self, seconds: float, writes: dict[tuple[str, EventType], int]) -> None:
        self._commits.observe(seconds)
        for (bucket, kind), times in writes.items():
            labels = (_OPERATIONS[kind], _qualified(bucket))
            self._requests.series(labels).observe(seconds, times)

    def _objects(self) -> Iterator[tuple[Labels, float]]:
        for bucket in self._store.buckets():
            yield (_qualified(bucket),), self._store.count(bucket)

    def _resources(self) -> Iterator[tuple[Labels, float]]:
        for bucket in self._store.buckets():
            group, _, plural = bucket.partition("/")
            yield (group, plural), self._store.count(bucket)

    def _size(self) -> Iterator[tuple[Labels, float]]:
        files = (self._database, self._database.with_name(self._database.name + "-wal"))
        sizes = [path.stat().st_size for path in files if path.exists()]
        if sizes:
            yield ("0",), sum(sizes)


def _qualified(bucket: str) -> str:
    """`apps/deployments` as metrics name it: `deployments.apps`."""
    group, _, plural = bucket.partition("/")
    return f"{plural}.{group}" if group else plural


def process_metrics(registry: Registry, started: float) -> None:
    """`process_*` as every Prometheus client tells them, and the version; `started` is the time
    the process began."""
    info = version_info()
    version = ("git_version", info["gitVersion"]), ("major", info["major"])
    more = ("minor", info["minor"]), ("platform", info["platform"])
    build = registry.add(
        Gauge("kubernetes_build_info", "The version.", [name for name, _ in (*version, *more)])
    )
    build.set(tuple(value for _, value in (*version, *more)), 1)
    for name, told, read in (
        ("process_resident_memory_bytes", "Memory in use.", lambda: _memory(1)),
        ("process_virtual_memory_bytes", "Address space in use.", lambda: _memory(0)),
        ("process_start_time_seconds", "When it started.", lambda: started),
        ("process_open_fds", "Open files.", lambda: len(os.listdir("/proc/self/fd"))),
        ("process_max_fds", "Most files that may be open.", _most_files),
    ):
        registry.add(Gauge(name, told, read=lambda read=read: (((), read()),)))  # type: ignore[misc]
    registry.add(
        Counter("process_cpu_seconds_total", "CPU time used.", (), lambda: (((), _cpu_seconds()),))
    )


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(field: int) -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[field])
    return pages * resource.getpagesize()


def _most_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
