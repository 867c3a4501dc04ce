"""What containers use, for metrics: /stats/summary and /metrics/resource.

https://kubernetes.io/docs/reference/instrumentation/node-metrics/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.base.clock import rfc3339
from grappe.node.pods.context import NodeContext
from grappe.node.pods.manager import PodManager
from grappe.node.runtime.interface import (
    LABEL_POD_NAME,
    LABEL_POD_NAMESPACE,
    LABEL_POD_UID,
    ContainerUsage,
)


async def summary(node: NodeContext, manager: PodManager) -> Object:
    """The Summary API's pods, with cumulative CPU and working sets."""
    by_pod: dict[str, list[ContainerUsage]] = {}
    for usage in await node.runtime.usage():
        by_pod.setdefault(usage.labels.get(LABEL_POD_UID, ""), []).append(usage)
    pods = []
    for uid, worker in manager.workers.items():
        meta = worker.pod["metadata"]
        pods.append(
            {
                "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": uid},
                "startTime": (worker.pod.get("status") or {}).get("startTime"),
                "containers": [_container(usage) for usage in by_pod.get(uid, ())],
            }
        )
    return {"node": {"nodeName": node.settings.node_name}, "pods": pods}


def _container(usage: ContainerUsage) -> Object:
    when = rfc3339(usage.timestamp)
    return {
        "name": usage.name,
        "cpu": {"time": when, "usageCoreNanoSeconds": usage.cpu_ns},
        "memory": {"time": when, "workingSetBytes": usage.memory_working_set},
        "rootfs": {"time": when, "usedBytes": usage.filesystem_used},
    }


async def resource_metrics(node: NodeContext) -> str:
    """Prometheus text, as metrics-server reads it."""
    lines = [
        "# TYPE container_cpu_usage_seconds_total counter",
        "# TYPE container_memory_working_set_bytes gauge",
    ]
    for usage in await node.runtime.usage():
        labels = (
            f'container="{usage.name}",namespace="{usage.labels.get(LABEL_POD_NAMESPACE, "")}",'
            f'pod="{usage.labels.get(LABEL_POD_NAME, "")}"'
        )
        stamp = int(usage.timestamp * 1000)
        lines.append(f"container_cpu_usage_seconds_total{{{labels}}} {usage.cpu_ns / 1e9} {stamp}")
        lines.append(
            f"container_memory_working_set_bytes{{{labels}}} {usage.memory_working_set} {stamp}"
        )
    return "\n".join(lines) + "\n"
