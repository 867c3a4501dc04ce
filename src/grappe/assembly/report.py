"""The state of a cluster as plain data: what `grappe status` prints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from grappe.assembly import probe, supervisor
from grappe.base.config import ClusterConfig

Report = dict[str, Any]


def cluster_report(config: ClusterConfig) -> Report:
    """Processes, API, nodes, pods and Applications; `problems` says what is wrong, and how to
    mend it where that is known."""
    report: Report = {
        "cluster": config.name,
        "dataDir": str(config.data_dir),
        "kubeconfig": str(config.kubeconfig),
        "api": f"https://127.0.0.1:{config.port}",
        "simulated": config.simulate > 0,
        "processes": _processes(config),
        "nodes": [],
        "pods": {},
        "applications": [],
        "problems": [],
    }
    problems: list[str] = report["problems"]
    down = [p["role"] for p in report["processes"] if not p["running"]]
    if down == ["supervisor", *supervisor.ROLES]:
        report["state"] = "stopped"
        return report
    for role in down:
        problems.append(f"{role} is not running; see: grappe logs {role}, restart: grappe up")
    if not probe.api_ready(config):
        problems.append("the API server does not answer; see: grappe logs server")
    else:
        _read_api(config, report, problems)
    report["state"] = "degraded" if problems else "running"
    return report


def _processes(config: ClusterConfig) -> list[Report]:
    found = []
    for role in ("supervisor", *supervisor.ROLES):
        process = supervisor.running(config, role)
        entry: Report = {"role": role, "running": process is not None}
        if process:
            entry["pid"] = process.pid
            entry["memoryBytes"] = process.resident_bytes()
            entry["upSeconds"] = int(_uptime() - process.started / os.sysconf("SC_CLK_TCK"))
        found.append(entry)
    return found


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


def _read_api(config: ClusterConfig, report: Report, problems: list[str]) -> None:
    for node in (probe.get(config, "/api/v1/nodes") or {}).get("items", []):
        ready = next(
            (c for c in node["status"].get("conditions", []) if c["type"] == "Ready"), None
        )
        is_ready = bool(ready and ready["status"] == "True")
        name = node["metadata"]["name"]
        report["nodes"].append(
            {
                "name": name,
                "ready": is_ready,
                "runtime": node["status"].get("nodeInfo", {}).get("containerRuntimeVersion", ""),
            }
        )
        if not is_ready:
            why = ready.get("message", "") if ready else "it has not reported yet"
            problems.append(f"node {name} is not Ready: {why}; see: grappe logs node")
    phases: dict[str, int] = report["pods"]
    for pod in (probe.get(config, "/api/v1/pods") or {}).get("items", []):
        phase = pod.get("status", {}).get("phase", "Unknown")
        phases[phase] = phases.get(phase, 0) + 1
    applications = probe.get(config, "/apis/argoproj.io/v1alpha1/applications") or {}
    for app in applications.get("items", []):
        status = app.get("status", {})
        entry = {
            "name": f"{app['metadata']['namespace']}/{app['metadata']['name']}",
            "sync": status.get("sync", {}).get("status", "Unknown"),
            "health": status.get("health", {}).get("status", "Unknown"),
            "revision": status.get("sync", {}).get("revision", "")[:7],
        }
        report["applications"].append(entry)
        for condition in status.get("conditions", []):
            if condition["type"].endswith("Error"):
                problems.append(f"Application {entry['name']}: {condition['message']}")
