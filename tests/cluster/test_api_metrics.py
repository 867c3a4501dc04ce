"""What /metrics, /metrics/slis and the health endpoints tell of a server that was used."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, PODS
from grappe.apiserver.http.messages import User
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask, config_map, pod

CONFIG_MAP_PATH = "/api/v1/namespaces/default/configmaps"


async def page(cluster: TestCluster, path: str = "/metrics") -> str:
    reply = await ask(cluster, "GET", path)
    assert reply.status == 200
    return bytes(reply.body).decode()


def value(text: str, family: str, /, **labels: str) -> float:
    """The sum of the series with these labels among others."""
    found = 0.0
    for line in text.splitlines():
        match = re.fullmatch(rf"{family}(?:{{(.*)}})? (\S+)", line)
        if match and all(f'{k}="{v}"' in (match[1] or "").split(",") for k, v in labels.items()):
            found += float(match[2])
    return found


async def test_requests_are_counted_and_timed_by_verb_resource_and_code(
    cluster: TestCluster,
) -> None:
    await ask(cluster, "POST", CONFIG_MAP_PATH, config_map("a", {"k": "v" * 2000}))
    await ask(cluster, "POST", CONFIG_MAP_PATH, config_map("b"), dryRun="All")
    await ask(cluster, "POST", CONFIG_MAP_PATH, config_map("a"))
    for _ in range(3):
        await ask(cluster, "GET", f"{CONFIG_MAP_PATH}/a")
    await ask(cluster, "GET", CONFIG_MAP_PATH)
    text = await page(cluster)
    of = {"resource": "configmaps", "version": "v1", "group": "", "component": "apiserver"}
    total = "apiserver_request_total"
    own = cluster.store.count(CONFIG_MAPS.bucket) - 1  # what every cluster has
    made = value(text, total, verb="POST", code="201", dry_run="", scope="resource", **of)
    assert made == 1 + own
    assert value(text, total, verb="POST", code="201", dry_run="All", **of) == 1
    assert value(text, total, verb="POST", code="409", **of) == 1
    assert value(text, total, verb="GET", code="200", scope="resource", **of) == 3
    assert value(text, total, verb="LIST", code="200", scope="namespace", **of) == 1
    seconds = "apiserver_request_duration_seconds"
    assert value(text, f"{seconds}_count", verb="GET", **of) == 3
    assert value(text, f"{seconds}_bucket", verb="GET", le="60", **of) == 3
    assert 0 < value(text, f"{seconds}_sum", verb="GET", **of) < 3
    sizes = "apiserver_response_sizes"
    assert value(text, f"{sizes}_bucket", verb="GET", le="1000", **of) == 0
    assert value(text, f"{sizes}_bucket", verb="GET", le="10000", **of) == 3


async def test_what_a_client_makes_up_is_no_label(cluster: TestCluster) -> None:
    for path in ("/made-up", "/apis/made-up/v1/things", "/api/v1/namespaces/a/pods/b/made-up"):
        assert (await ask(cluster, "GET", path)).status == 404
    await ask(cluster, "POST", CONFIG_MAP_PATH, config_map("a"), dryRun="made-up")
    text = await page(cluster)
    assert "made-up" not in text
    assert value(text, "apiserver_request_total", code="404", resource="") == 3


async def test_watches_are_long_running_and_their_events_counted(cluster: TestCluster) -> None:
    client = cluster.client
    of = {"resource": "pods", "version": "v1", "group": ""}
    start = str(cluster.store.revision)
    async with aclosing(client.watch(PODS, "default", resource_version=start)) as events:
        following = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        await client.create(PODS, pod("a"), "default")
        assert (await following).object["metadata"]["name"] == "a"
        text = await page(cluster)
        assert value(text, "apiserver_longrunning_requests", verb="WATCH", **of) == 1
        assert value(text, "apiserver_watch_events_total", **of) == 1
        assert value(text, "apiserver_request_total", verb="WATCH", **of) == 0
    text = await page(cluster)
    assert value(text, "apiserver_longrunning_requests", verb="WATCH", **of) == 0
    assert value(text, "apiserver_request_total", verb="WATCH", code="200", **of) == 1


async def test_admission_storage_and_process_are_told(cluster: TestCluster) -> None:
    await cluster.client.create(CONFIG_MAPS, config_map("a"), "default")
    text = await page(cluster)
    step = "apiserver_admission_step_admission_duration_seconds_count"
    assert value(text, step, operation="CREATE", type="admit", rejected="false") > 0
    assert value(text, step, operation="CREATE", type="validate", rejected="false") > 0
    stored = cluster.store.count(CONFIG_MAPS.bucket)
    assert stored >= 1
    assert value(text, "apiserver_storage_objects", resource="configmaps") == stored
    assert value(text, "apiserver_resource_objects", group="", resource="configmaps") == stored
    writes = "etcd_request_duration_seconds_count"
    assert value(text, writes, operation="create", type="configmaps") == stored
    assert value(text, "etcd_disk_backend_commit_duration_seconds_count") > 0
    assert value(text, "process_resident_memory_bytes") > 1_000_000
    assert value(text, "process_open_fds") > 0
    assert value(text, "kubernetes_build_info", major="1") == 1
    assert "process_cpu_seconds_total" in text


async def test_every_family_has_a_type_and_no_series_is_told_twice(cluster: TestCluster) -> None:
    await cluster.client.create(CONFIG_MAPS, config_map("a"), "default")
    text = await page(cluster)
    typed = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)$", text, re.M))
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))
    for line in series:
        name = line.partition("{")[0]
        assert name in typed or re.sub("_(bucket|sum|count)$", "", name) in typed, name


async def test_health_is_told_check_by_check(cluster: TestCluster) -> None:
    assert (await ask(cluster, "GET", "/livez")).body == b"ok"
    ready = await page(cluster, "/readyz")
    assert ready == "ok"
    told = bytes((await ask(cluster, "GET", "/readyz", verbose="")).body).decode()
    for check in ("ping", "log", "etcd", "etcd-readiness", "informer-sync", "shutdown"):
        assert f"[+]{check} ok\n" in told
    assert "[+]poststarthook/rbac/bootstrap-roles ok\n" in told
    assert told.endswith("readyz check passed\n")
    excluded = (await ask(cluster, "GET", "/readyz", verbose="", exclude="etcd")).body
    assert b"[+]etcd excluded: ok\n" in excluded
    assert (await ask(cluster, "GET", "/livez/etcd")).body == b"ok"
    assert (await ask(cluster, "GET", "/livez/shutdown")).status == 404


async def test_a_server_that_stops_is_alive_and_not_ready(cluster: TestCluster) -> None:
    await cluster.api.stop()
    reply = await ask(cluster, "GET", "/readyz")
    assert reply.status == 500
    assert b"[-]shutdown failed: reason withheld\n" in reply.body
    assert reply.body.endswith(b"readyz check failed\n")
    assert (await ask(cluster, "GET", "/livez")).status == 200
    text = await page(cluster, "/metrics/slis")
    assert value(text, "kubernetes_healthcheck", name="shutdown", type="readyz") == 0
    assert value(text, "kubernetes_healthcheck", name="ping", type="livez") == 1
    failed = {"name": "shutdown", "status": "error", "type": "readyz"}
    assert value(text, "kubernetes_healthchecks_total", **failed) == 1
    await cluster.api.start()


async def test_profiles_are_not_served_and_metrics_not_for_everybody(cluster: TestCluster) -> None:
    assert (await ask(cluster, "GET", "/debug/pprof/heap")).status == 404
    nobody = cluster.client_of(User("jane", ("system:authenticated",)))
    for path in ("/metrics", "/metrics/slis", "/debug/pprof"):
        with pytest.raises(ApiError) as refused:
            await nobody.raw("GET", path)
        assert refused.value.code == 403


async def test_metrics_are_only_read(cluster: TestCluster) -> None:
    with pytest.raises(ApiError, match="method") as refused:
        await cluster.client.raw("POST", "/metrics")
    assert refused.value.code == 405
