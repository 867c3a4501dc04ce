"""Requests a second: reads and creates against the calibrator, other writes against creates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from bench import load
from bench.cluster import ServerProcess
from bench.figures import Figure
from bench.targets import OF_CREATE
from bench.yardstick import Calibrator, Round, middle, rate, rounds
from grappe.api import resources
from grappe.client import connect

LISTED = 500
"""ConfigMaps that are listed, read and changed."""

WRITES = {
    "update": ("PUT", "application/json", ""),
    "merge patch": ("PATCH", "application/merge-patch+json", ""),
    "strategic merge patch": ("PATCH", "application/strategic-merge-patch+json", ""),
    "JSON patch": ("PATCH", "application/json-patch+json", ""),
    "server-side apply": (
        "PATCH",
        "application/apply-patch+yaml",
        "?fieldManager=bench&force=true",
    ),
}
"""Method, content type and query of each way to change an object."""


def measure(
    server: ServerProcess, token: str, calibrator: Calibrator, seconds: int, count: int
) -> list[Figure]:
    """`count` rounds of each, after `prepare`; the middle one is told."""
    collection = f"{server.url}/api/v1/namespaces/default/configmaps"

    def run(url: str, connections: int, script: str = "") -> load.Load:
        return load.run(
            url,
            pid=server.pid,
            seconds=seconds,
            token=token,
            connections=connections,
            script=script,
        )

    def against_calibrator(url: str, connections: int, script: str = "") -> list[Round]:
        return rounds(
            count,
            lambda: calibrator.load(seconds, connections),
            lambda number: run(url, connections, script.replace("ROUND", str(number))),
        )

    get = against_calibrator(f"{collection}/list-0", 16)
    few = against_calibrator(collection, 4)
    create = against_calibrator(collection, 16, load.CREATE)
    page = against_calibrator(f"{collection}?limit={LISTED}", 4)
    return [
        rate("calibrator", [Round(r.yardstick, r.yardstick) for r in get]),
        rate("GET one ConfigMap", get),
        rate(f"LIST {LISTED} ConfigMaps", few),
        rate("create ConfigMap, durable", create),
        rate(f"LIST page of {LISTED} among all", page),
        *_changes(lambda script: run(collection, 16, script), count),
    ]


def _changes(run: Callable[[str], load.Load], count: int) -> list[Figure]:
    """Each way to change an object, right after creates."""
    figures = []
    for name, (method, media, query) in WRITES.items():
        made = rounds(
            count,
            # Names that were not given yet.
            lambda: run(load.CREATE.replace("ROUND", load.unique())),
            lambda _: run(_script(name, method, media, query)),  # noqa: B023 - called at once
        )
        chosen = middle(name, made)
        found, share, target = chosen.found, chosen.share, OF_CREATE[name]
        figures.append(
            Figure(
                f"{name} of a ConfigMap",
                f"{found.per_second:,.0f}/s  p99 {found.p99:.2f} ms  {share:.0%} of create",
                found.cpu_us,
                None,
                f"≥ {target:.0%} of create",
                share >= target,
            )
        )
    return figures


def _script(name: str, method: str, media: str, query: str) -> str:
    """Changes one ConfigMap after another, each to what it never was before."""
    value = f'{load.unique()}-" .. n .. "'
    whole = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "NAME", "labels": {"app": "l"}},
        "data": {"k": "v" * 600, "changed": "VALUE"},
    }
    bodies: dict[str, object] = {
        "merge patch": {"data": {"changed": "VALUE"}},
        "strategic merge patch": {"data": {"changed": "VALUE"}},
        "JSON patch": [{"op": "add", "path": "/data/changed", "value": "VALUE"}],
    }
    body = json.dumps(json.dumps(bodies.get(name, whole)))  # as a text of Lua
    body = body.replace("VALUE", value).replace("NAME", 'list-" .. at .. "')
    return f"""
local n = 0
wrk.headers["Content-Type"] = "{media}"
function request()
  n = n + 1
  local at = n % {LISTED}
  return wrk.format("{method}", wrk.path .. "/list-" .. at .. "{query}", nil, {body})
end
"""


def prepare(server: ServerProcess) -> None:
    """Make ConfigMaps to list, get and change, of about 1 KB."""
    asyncio.run(_prepare(server))


async def _prepare(server: ServerProcess) -> None:
    client = connect(server.config.kubeconfig)
    for i in range(LISTED):
        await client.create(
            resources.CONFIG_MAPS,
            {
                "metadata": {"name": f"list-{i}", "namespace": "default", "labels": {"app": "l"}},
                "data": {"k": "v" * 600},
            },
        )
    await client.close()
