"""The agent with real containers: pods' lives, volumes, limits, faults."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grappe.api import Object
from grappe.api.resources import CONFIG_MAPS, PODS, SECRETS
from grappe.node import cgroups
from grappe.node.runtime.containerd.daemon import running_pid
from tests.e2e.node_images import BUSYBOX
from tests.e2e.node_lab import RealLab, phase, ready

pytestmark = [
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None, reason="needs root and containerd"
    ),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[RealLab]:
    with RealLab() as made:
        yield made


def test_the_first_pod_is_ready_quickly(lab: RealLab) -> None:
    async def check() -> None:
        began = time.monotonic()
        await lab.create("first")
        await lab.until("first", ready)
        took = time.monotonic() - began
        await lab.delete("first")
        assert took < 3.0, took  # 0.3 s on an idle machine; bench/ has the figure

    lab.run(check())


def test_thirty_pods_at_once_become_ready(lab: RealLab) -> None:
    async def check() -> None:
        began = time.monotonic()
        names = [f"many-{number}" for number in range(30)]
        for name in names:
            await lab.create(name)
        for name in names:
            await lab.until(name, ready, timeout=60)
        took = time.monotonic() - began
        for name in names:
            await lab.delete(name)
        assert took < 60, took

    lab.run(check())


def test_environment_volumes_and_resolver_are_what_the_spec_says(lab: RealLab) -> None:
    script = """
    echo "env $PLAIN $EXPANDED $POD $CPU $FROM_MAP $FROM_SECRET"
    echo "map $(cat /map/key) $(ls /map)"
    echo "secret $(cat /secret/password) $(stat -c %a /secret/..data/password)"
    df /secret | grep -q tmpfs && echo "secret in memory"
    echo "down $(cat /down/labels)"
    echo "resolv $(grep -c '^search default.svc.cluster.local svc.cluster.local' /etc/resolv.conf)"
    grep '^nameserver 10.96.0.10' /etc/resolv.conf
    echo "hosts $(grep -c spec /etc/hosts) $(grep -c foo.local /etc/hosts)"
    echo "user $(id -u) $(id -G)"
    touch /scratch/file && stat -c 'scratch %g' /scratch/file
    df /memory | grep -q tmpfs && echo memory
    echo "sub $(cat /sub/renamed)"
    touch /read-only/x 2>/dev/null || echo denied
    printf 'last words' > /dev/termination-log
    """

    async def check() -> None:
        meta = {"name": "settings", "namespace": "default"}
        await lab.client.create(
            CONFIG_MAPS,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"key": "value"}},
        )
        await lab.client.create(
            SECRETS,
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": meta,
                "stringData": {"password": "geheim"},
            },
        )
        env = [
            {"name": "PLAIN", "value": "a"},
            {"name": "EXPANDED", "value": "$(PLAIN)-$$(PLAIN)"},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {
                "name": "FROM_MAP",
                "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "key"}},
            },
            {
                "name": "FROM_SECRET",
                "valueFrom": {"secretKeyRef": {"name": "settings", "key": "password"}},
            },
        ]
        paths = {
            "/map": "map",
            "/secret": "secret",
            "/down": "down",
            "/scratch": "scratch",
            "/memory": "memory",
        }
        mounts: list[Object] = [{"name": n, "mountPath": path} for path, n in paths.items()]
        mounts.append({"name": "map", "mountPath": "/sub/renamed", "subPath": "key"})
        mounts.append({"name": "scratch", "mountPath": "/read-only", "readOnly": True})
        labels = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
        await lab.create(
            "spec",
            script,
            metadata={"labels": {"app": "demo"}},
            restartPolicy="Never",
            container={
                "env": env,
                "volumeMounts": mounts,
                "resources": {"limits": {"cpu": "2"}},
                "securityContext": {"runAsUser": 1000},
            },
            securityContext={"fsGroup": 2000},
            hostAliases=[{"ip": "10.1.2.3", "hostnames": ["foo.local"]}],
            volumes=[
                {"name": "map", "configMap": {"name": "settings"}},
                {"name": "secret", "secret": {"secretName": "settings", "defaultMode": 256}},
                {"name": "down", "downwardAPI": {"items": labels}},
                {"name": "scratch", "emptyDir": {}},
                {"name": "memory", "emptyDir": {"medium": "Memory"}},
            ],
        )
        pod = await lab.until("spec", phase("Succeeded"))
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert ended["message"] == "last words"
        _, out, _ = await lab.kubectl("logs", "spec")
        assert out.decode().splitlines() == [
            "env a a-$(PLAIN) spec 2 value geheim",
            "map value key",
            "secret geheim 440",
            "secret in memory",
            'down app="demo"',
            "resolv 1",
            "nameserver 10.96.0.10",
            "hosts 1 1",
            "user 1000 1000 2000",
            "scratch 2000",
            "memory",
            "sub value",
            "denied",
        ]
        await lab.delete("spec")

    lab.run(check())


def test_a_changed_config_map_reaches_the_running_container(lab: RealLab) -> None:
    async def check() -> None:
        meta = {"name": "live", "namespace": "default"}
        await lab.client.create(
            CONFIG_MAPS,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"k": "old"}},
        )
        await lab.create(
            "live",
            "until grep -q new /m/k; do sleep 0.05; done; cat /m/k",
            restartPolicy="Never",
            container={"volumeMounts": [{"name": "m", "mountPath": "/m"}]},
            volumes=[{"name": "m", "configMap": {"name": "live"}}],
        )
        await lab.until("live", phase("Running"))
        await lab.client.patch(CONFIG_MAPS, "live", {"data": {"k": "new"}}, "default")
        await lab.until("live", phase("Succeeded"))
        await lab.delete("live")

    lab.run(check())


def test_changed_labels_reach_a_downward_api_volume(lab: RealLab) -> None:
    async def check() -> None:
        labels = [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]
        await lab.create(
            "labels",
            "until grep -q new /d/l; do sleep 0.05; done",
            restartPolicy="Never",
            metadata={"labels": {"a": "old"}},
            container={"volumeMounts": [{"name": "d", "mountPath": "/d"}]},
            volumes=[{"name": "d", "downwardAPI": {"items": labels}}],
        )
        await lab.until("labels", phase("Running"))
        await lab.client.patch(PODS, "labels", {"metadata": {"labels": {"a": "new"}}}, "default")
        await lab.until("labels", phase("Succeeded"))
        await lab.delete("labels")

    lab.run(check())


def test_a_service_account_token_is_projected(lab: RealLab) -> None:
    async def check() -> None:
        await lab.service_account()
        token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
        await lab.create(
            "token",
            "test $(wc -c < /t/token) -gt 100",
            restartPolicy="Never",
            container={"volumeMounts": [{"name": "t", "mountPath": "/t"}]},
            volumes=[{"name": "t", "projected": {"sources": [token]}}],
        )
        await lab.until("token", phase("Succeeded"))
        await lab.delete("token")

    lab.run(check())


def test_limits_are_enforced_and_an_oom_kill_is_named(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create(
            "oom",
            "x=a; while true; do x=$x$x; done",
            restartPolicy="Never",
            container={"resources": {"limits": {"memory": "16Mi", "cpu": "500m"}}},
        )
        pod = await lab.until("oom", phase("Failed"))
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
        assert pod["status"]["qosClass"] == "Guaranteed"
        await lab.delete("oom")

    lab.run(check())


def test_resources_change_in_place_or_by_a_restart(lab: RealLab) -> None:
    async def check() -> None:
        limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
        policies = [
            {"resourceName": "memory", "restartPolicy": "NotRequired"},
            {"resourceName": "cpu", "restartPolicy": "RestartContainer"},
        ]
        await lab.create(
            "resized",
            container={
                "resources": {"limits": {"memory": "32Mi", "cpu": "500m"}},
                "resizePolicy": policies,
            },
        )
        await lab.until("resized", ready)

        async def resize(**limits: str) -> None:
            both = {"requests": limits, "limits": limits}
            change = {"spec": {"containers": [{"name": "app", "resources": both}]}}
            await lab.client.patch(
                PODS,
                "resized",
                change,
                "default",
                patch_type="application/strategic-merge-patch+json",
                subresource="resize",
            )

        await resize(memory="64Mi")
        async with asyncio.timeout(20):
            while True:
                _, out, _ = await lab.kubectl(
                    "exec", "resized", "--", "sh", "-c", limit + " 2>/dev/null; true"
                )
                if out.split() == [b"67108864"]:
                    break
        pod = await lab.client.get(PODS, "resized", "default")
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
        await resize(cpu="600m")
        await lab.until(
            "resized", lambda p: p["status"]["containerStatuses"][0]["restartCount"] == 1
        )
        await lab.delete("resized")

    lab.run(check())


def test_pod_cgroups_and_directories_vanish_with_the_pod(lab: RealLab) -> None:
    async def check() -> None:
        pod = await lab.create("brief")
        await lab.until("brief", ready)
        uid = pod["metadata"]["uid"]

        def left() -> list[str]:
            roots = set(cgroups.hierarchies().values())
            groups = [
                str(path)
                for root in roots
                for path in (root / lab.settings.cgroup_root.lstrip("/")).rglob(f"*{uid}*")
            ]
            files = [str(p) for p in lab.node_directory.glob(f"*/*{uid}*")]
            return groups + files + [str(p) for p in lab.settings.log_root.glob(f"*{uid}*")]

        assert left()
        await lab.client.delete(PODS, "brief", "default")
        await lab.until_gone("brief")
        assert left() == []

    lab.run(check())


def test_probes_make_ready_and_restart(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create(
            "probed",
            "sleep 0.4; mkdir /w; echo hi > /w/index.html; httpd -f -p 8080 -h /w",
            container={
                "ports": [{"name": "web", "containerPort": 8080}],
                "readinessProbe": {"httpGet": {"port": "web", "path": "/"}, "periodSeconds": 30},
                "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                "livenessProbe": {
                    "exec": {"command": ["test", "!", "-e", "/tmp/sick"]},
                    "periodSeconds": 1,
                    "failureThreshold": 1,
                },
            },
        )
        await lab.until("probed", ready, timeout=10)
        await lab.kubectl("exec", "probed", "--", "touch", "/tmp/sick")
        pod = await lab.until(
            "probed", lambda p: p["status"]["containerStatuses"][0]["restartCount"] == 1
        )
        assert pod["status"]["phase"] == "Running"
        await lab.delete("probed")

    lab.run(check())


def test_hooks_run_and_the_grace_period_is_kept(lab: RealLab, tmp_path: Path) -> None:
    async def check() -> None:
        hooks = {
            "postStart": {"exec": {"command": ["sh", "-c", "echo post >> /out/log"]}},
            "preStop": {"exec": {"command": ["sh", "-c", "echo pre >> /out/log"]}},
        }
        await lab.create(
            "hooks",
            "trap 'echo term >> /out/log; exit 0' TERM; while true; do sleep 0.05; done",
            terminationGracePeriodSeconds=20,
            container={
                "lifecycle": hooks,
                "volumeMounts": [{"name": "out", "mountPath": "/out"}],
            },
            volumes=[{"name": "out", "hostPath": {"path": str(tmp_path), "type": "Directory"}}],
        )
        await lab.until("hooks", ready)
        began = time.monotonic()
        await lab.client.delete(PODS, "hooks", "default")
        await lab.until_gone("hooks")
        assert time.monotonic() - began < 10
        assert (tmp_path / "log").read_text().split() == ["post", "pre", "term"]

    lab.run(check())


def test_a_command_that_does_not_exist_is_told(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create("wrong", container={"command": ["/no/such/program"]})

        def told(pod: Object) -> bool:
            state = (pod["status"].get("containerStatuses") or [{}])[0].get("state", {})
            waiting = state.get("waiting", {})
            return waiting.get("reason") in ("RunContainerError", "CrashLoopBackOff")

        pod = await lab.until("wrong", told)
        assert "no such file or directory" in str(pod["status"])
        await lab.delete("wrong")

    lab.run(check())


def test_an_ephemeral_container_sees_the_processes_of_its_target(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create("debugged", "exec sleep 4321")
        await lab.until("debugged", ready)
        ephemeral = {
            "name": "debugger",
            "image": BUSYBOX,
            "targetContainerName": "app",
            "command": ["sh", "-c", "ps | grep -q 'sleep 4321' && echo found"],
        }
        await lab.client.patch(
            PODS,
            "debugged",
            {"spec": {"ephemeralContainers": [ephemeral]}},
            "default",
            patch_type="application/strategic-merge-patch+json",
            subresource="ephemeralcontainers",
        )
        await lab.until(
            "debugged",
            lambda p: (
                "terminated"
                in (p["status"].get("ephemeralContainerStatuses") or [{"state": {}}])[0]["state"]
            ),
        )
        _, out, _ = await lab.kubectl("logs", "debugged", "-c", "debugger")
        assert out == b"found\n"
        await lab.delete("debugged")

    lab.run(check())


def test_a_privileged_host_network_pod_runs(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create(
            "host",
            "test -e /dev/kmsg",
            restartPolicy="Never",
            hostNetwork=True,
            container={"securityContext": {"privileged": True}},
        )
        pod = await lab.until("host", phase("Succeeded"))
        assert pod["status"]["podIP"] == "127.0.0.1"
        await lab.delete("host")

    lab.run(check())


def test_a_restarted_agent_finds_its_containers_running(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create("kept")
        before = await lab.until("kept", ready)
        await lab.stop_agent()
        lab.start_agent()
        await lab.create("after")
        await lab.until("after", ready)
        after = await lab.client.get(PODS, "kept", "default")
        old, new = (p["status"]["containerStatuses"][0] for p in (before, after))
        assert (new["containerID"], new["restartCount"]) == (old["containerID"], 0)
        await lab.delete("kept")
        await lab.delete("after")

    lab.run(check())


def test_a_killed_containerd_comes_back_and_containers_run_on(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create("survivor")
        before = await lab.until("survivor", ready)
        pid = running_pid(lab.runtime.paths)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while running_pid(lab.runtime.paths) in (None, pid):
                await asyncio.sleep(0.02)
        await lab.create("next")
        await lab.until("next", ready)
        after = await lab.client.get(PODS, "survivor", "default")
        old, new = (p["status"]["containerStatuses"][0] for p in (before, after))
        assert (new["containerID"], new["restartCount"]) == (old["containerID"], 0)
        await lab.delete("survivor")
        await lab.delete("next")

    lab.run(check())


def test_a_killed_sandbox_is_made_again(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create("phoenix")
        before = await lab.until("phoenix", ready)
        sandbox = (await lab.runtime.list_sandboxes(before["metadata"]["uid"]))[0]
        await lab.runtime.stop_sandbox(sandbox.id)
        after = await lab.until(
            "phoenix",
            lambda p: ready(p) and p["status"]["containerStatuses"][0]["restartCount"] > 0,
        )
        assert after["status"]["podIP"] != before["status"]["podIP"]
        await lab.delete("phoenix")

    lab.run(check())
