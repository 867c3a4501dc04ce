"""The agent on a simulated runtime against a real API server: pods go through their lives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, EVENTS, LEASES, NODES, PODS
from grappe.apiserver.http.messages import User
from grappe.assembly.inprocess import InProcessTransport
from grappe.base.clock import SystemClock
from grappe.client.interface import TransportError
from grappe.client.rest import RestClient
from grappe.node.agent import run
from grappe.node.pods.report import Reporter
from grappe.node.pods.spec import is_terminal
from grappe.node.pods.worker import PodWorker
from grappe.node.runtime.simulated import SimulatedRuntime
from grappe.node.runtime.simulated.script import ANNOTATION
from grappe.node.settings import NodeSettings
from grappe.testing.cluster import TestCluster, running_cluster

NODE_USER = User("system:node:n1", ("system:nodes", "system:authenticated"))


class Lab:
    """A cluster with one simulated node."""

    def __init__(self, cluster: TestCluster, directory: Path) -> None:
        self.cluster = cluster
        self.client = cluster.client
        self.directory = directory
        self.settings = NodeSettings(
            "test", "n1", "127.0.0.1", directory, pod_cidr="10.9.0.0/24", simulated=True
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        runtime = SimulatedRuntime("10.9.0.0/24", directory=self.directory / "state")
        client = self.cluster.client_of(NODE_USER)
        self.task = asyncio.create_task(run(client, self.settings, runtime, SystemClock()))

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def create(self, name: str, script: Object | None = None, **spec: Any) -> Object:
        annotations = {ANNOTATION: json.dumps(script)} if script is not None else {}
        return await self.client.create(
            PODS,
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default", "annotations": annotations},
                "spec": {
                    "nodeName": "n1",
                    "automountServiceAccountToken": False,
                    "containers": [{"name": "app", "image": "example.test/app:1"}],
                    **spec,
                },
            },
        )

    async def until(
        self, name: str, holds: Callable[[Object], Any], timeout: float = 15.0
    ) -> Object:
        pod: Object = {}
        try:
            async with asyncio.timeout(timeout):
                while True:
                    pod = await self.client.get(PODS, name, "default")
                    if holds(pod):
                        return pod
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(json.dumps(pod.get("status"), indent=1)) from None

    async def until_registered(self) -> None:
        async with asyncio.timeout(15):
            while not (await self.client.list(NODES)).items:
                await asyncio.sleep(0.01)

    async def until_gone(self, name: str) -> None:
        async with asyncio.timeout(15):
            while True:
                try:
                    await self.client.get(PODS, name, "default")
                except ApiError as error:
                    if error.code == 404:
                        return
                    raise
                await asyncio.sleep(0.01)

    async def reasons(self, name: str, *wanted: str) -> list[str]:
        """The reasons of the pod's events, once all wanted ones are there."""
        async with asyncio.timeout(10):
            while True:
                listed = await self.client.list(
                    EVENTS, "default", field_selector=f"involvedObject.name={name}"
                )
                found = [event["reason"] for event in listed.items]
                if set(wanted) <= set(found):
                    return found
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with running_cluster() as cluster:
        lab = Lab(cluster, tmp_path / "node")
        lab.start()
        try:
            yield lab
        finally:
            await lab.stop()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with a_lab(tmp_path) as made:
        yield made


def phase(value: str) -> Callable[[Object], bool]:
    return lambda pod: (pod.get("status") or {}).get("phase") == value


def condition(pod: Object, kind: str) -> Object:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def ready(pod: Object) -> bool:
    return condition(pod, "Ready").get("status") == "True"


async def test_the_node_registers_and_keeps_a_lease(lab: Lab) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                node = await lab.client.get(NODES, "n1")
                lease = await lab.client.get(LEASES, "n1", "kube-node-lease")
                break
            except ApiError:
                await asyncio.sleep(0.01)
    assert condition(node, "Ready")["reason"] == "KubeletReady"
    assert node["metadata"]["labels"]["kubernetes.io/os"] == "linux"
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"] == "simulated://1.0.0"
    assert int(node["status"]["capacity"]["pods"]) == 110
    assert lease["spec"]["holderIdentity"] == "n1"
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": node["metadata"]["uid"]}
    assert lease["metadata"]["ownerReferences"] == [owner]


async def test_a_final_phase_stays_while_the_node_has_not_heard_of_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch that lags must not have the node write Running once more: the Job of the pod has
    counted it by then, and would take it for one too many."""
    phases: list[str] = []
    update, want = PodWorker.update, Reporter.want

    def lagging(worker: PodWorker, pod: Object) -> None:
        if is_terminal(pod):
            worker.wake()
        else:
            update(worker, pod)

    def noting(reporter: Reporter, status: Object) -> None:
        phases.append(status["phase"])
        want(reporter, status)

    monkeypatch.setattr(PodWorker, "update", lagging)
    monkeypatch.setattr(Reporter, "want", noting)
    await lab.create("task", {"runFor": 0.02}, restartPolicy="Never")
    async with asyncio.timeout(15):
        while phases.count("Succeeded") < 2:
            await asyncio.sleep(0.01)
    assert set(phases[phases.index("Succeeded") :]) == {"Succeeded"}


async def test_a_pod_becomes_ready_with_the_kubelets_status(lab: Lab) -> None:
    await lab.create("web")
    pod = await lab.until("web", ready)
    status = pod["status"]
    assert status["phase"] == "Running"
    assert status["podIP"].startswith("10.9.0.")
    assert status["podIPs"] == [{"ip": status["podIP"]}]
    assert status["hostIP"] == "127.0.0.1"
    assert status["qosClass"] == "BestEffort"
    assert {c["type"] for c in status["conditions"]} >= {
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    }
    container = status["containerStatuses"][0]
    assert container["ready"]
    assert container["started"]
    assert container["restartCount"] == 0
    assert container["containerID"].startswith("simulated://")
    assert "startedAt" in container["state"]["running"]
    reasons = await lab.reasons("web", "Pulled", "Created", "Started")
    assert reasons.index("Created") < reasons.index("Started")


async def test_a_deleted_pod_is_stopped_and_then_gone(lab: Lab) -> None:
    await lab.create("web")
    await lab.until("web", ready)
    await lab.client.delete(PODS, "web", "default")
    await lab.until_gone("web")
    await lab.reasons("web", "Killing")
    assert not any((lab.directory / "state").glob("*.json"))


async def test_a_pod_that_ends_well_succeeds(lab: Lab) -> None:
    await lab.create("job", {"runFor": 0.02}, restartPolicy="Never")
    pod = await lab.until("job", phase("Succeeded"))
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    assert condition(pod, "Ready")["reason"] == "PodCompleted"


async def test_a_pod_that_ends_badly_fails(lab: Lab) -> None:
    await lab.create("job", {"runFor": 0.02, "exitCode": 4}, restartPolicy="Never")
    pod = await lab.until("job", phase("Failed"))
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (4, "Error")


async def test_a_container_that_fails_is_restarted_and_then_held_back(lab: Lab) -> None:
    await lab.create("crash", {"runFor": 0.02, "exitCode": 1})

    def held_back(pod: Object) -> bool:
        found = (pod["status"].get("containerStatuses") or [{}])[0].get("state", {})
        return found.get("waiting", {}).get("reason") == "CrashLoopBackOff"

    pod = await lab.until("crash", held_back)
    container = pod["status"]["containerStatuses"][0]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert container["state"]["waiting"]["message"].startswith("back-off 10s restarting failed")
    assert pod["status"]["phase"] == "Running"
    await lab.reasons("crash", "BackOff")


async def test_a_failing_container_runs_once_it_no_longer_fails(lab: Lab) -> None:
    await lab.create(
        "flaky", {"runFor": 0.01, "crashes": 1, "exitCode": 0}, restartPolicy="OnFailure"
    )
    pod = await lab.until("flaky", phase("Succeeded"))
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1


async def test_init_containers_run_one_after_the_other_before_the_others(lab: Lab) -> None:
    script = {"containers": {"one": {"runFor": 0.05}, "two": {"runFor": 0.05}}}
    inits = [{"name": name, "image": "example.test/init:1"} for name in ("one", "two")]
    await lab.create("web", script, initContainers=inits)
    pod = await lab.until("web", ready)
    first, second = pod["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 0
    assert second["ready"]
    assert first["state"]["terminated"]["finishedAt"] <= second["state"]["terminated"]["startedAt"]


async def test_a_sidecar_starts_first_and_ends_last(lab: Lab) -> None:
    script = {"containers": {"app": {"runFor": 0.1}}}
    sidecar = {"name": "proxy", "image": "example.test/p:1", "restartPolicy": "Always"}
    await lab.create("job", script, initContainers=[sidecar], restartPolicy="Never")
    pod = await lab.until("job", phase("Succeeded"))
    proxy = pod["status"]["initContainerStatuses"][0]
    assert proxy["state"]["terminated"]["finishedAt"]


async def test_a_failed_init_container_fails_a_pod_that_never_restarts(lab: Lab) -> None:
    script = {"containers": {"one": {"runFor": 0.01, "exitCode": 5}}}
    inits = [{"name": "one", "image": "example.test/init:1"}]
    await lab.create("web", script, initContainers=inits, restartPolicy="Never")
    pod = await lab.until("web", phase("Failed"))
    assert "waiting" in pod["status"]["containerStatuses"][0]["state"]


async def test_a_pod_waits_for_its_config_map_and_starts_once_it_is_there(lab: Lab) -> None:
    volumes = [{"name": "settings", "configMap": {"name": "later"}}]
    await lab.create("web", volumes=volumes)
    await lab.reasons("web", "FailedMount")
    pod = await lab.until("web", lambda p: p["status"].get("containerStatuses"))
    assert (
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    )
    await lab.client.create(
        CONFIG_MAPS,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "later", "namespace": "default"},
        },
    )
    await lab.until("web", ready)


async def test_a_missing_secret_in_the_environment_is_a_config_error(lab: Lab) -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "nope", "key": "k"}}}]
    await lab.create("web", containers=[{"name": "app", "image": "example.test/a:1", "env": env}])

    def refused(pod: Object) -> bool:
        found = (pod["status"].get("containerStatuses") or [{}])[0].get("state", {})
        return found.get("waiting", {}).get("reason") == "CreateContainerConfigError"

    pod = await lab.until("web", refused)
    waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["message"] == 'secret "nope" not found'


async def test_an_image_that_cannot_be_pulled_backs_off(lab: Lab) -> None:
    await lab.create("web", containers=[{"name": "app", "image": "registry.invalid/app:1"}])

    def backing_off(pod: Object) -> bool:
        found = (pod["status"].get("containerStatuses") or [{}])[0].get("state", {})
        return found.get("waiting", {}).get("reason") == "ImagePullBackOff"

    pod = await lab.until("web", backing_off)
    message = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    assert message.startswith('Back-off pulling image "registry.invalid/app:1": ErrImagePull')
    assert pod["status"]["phase"] == "Pending"
    await lab.reasons("web", "Pulling", "Failed", "BackOff")


async def test_a_bad_simulation_script_is_told_in_an_event(lab: Lab) -> None:
    await lab.create("web", {"exitCode": "x"})
    await lab.reasons("web", "FailedCreatePodSandBox")


async def test_readiness_follows_the_probe(lab: Lab) -> None:
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1}
    container = {"name": "app", "image": "example.test/a:1", "readinessProbe": probe}
    await lab.create("web", {"probes": {"readiness": False}}, containers=[container])
    pod = await lab.until("web", phase("Running"))
    assert not ready(pod)
    await lab.reasons("web", "Unhealthy")
    pod = await lab.client.get(PODS, "web", "default")
    assert condition(pod, "Ready")["message"] == "containers with unready status: [app]"


async def test_a_failed_liveness_probe_restarts_the_container(lab: Lab) -> None:
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 1}
    container = {"name": "app", "image": "example.test/a:1", "livenessProbe": probe}
    await lab.create("web", {"probes": {"liveness": False}}, containers=[container])
    await lab.until(
        "web", lambda p: (p["status"].get("containerStatuses") or [{}])[0].get("restartCount")
    )
    await lab.reasons("web", "Unhealthy", "Killing")


async def test_the_deadline_ends_a_pod(lab: Lab) -> None:
    await lab.create("web", activeDeadlineSeconds=1)
    pod = await lab.until("web", phase("Failed"))
    assert pod["status"]["reason"] == "DeadlineExceeded"


async def test_a_pod_too_large_for_the_node_is_rejected(lab: Lab) -> None:
    resources = {"requests": {"memory": "900Ti"}}
    container = {"name": "app", "image": "example.test/a:1", "resources": resources}
    await lab.create("web", containers=[container])
    pod = await lab.until("web", phase("Failed"))
    assert pod["status"]["reason"] == "OutOfmemory"
    assert pod["status"]["message"].startswith("Pod was rejected: Node didn't have enough resource")


async def test_a_restarted_agent_finds_its_pods_and_restarts_nothing(lab: Lab) -> None:
    await lab.create("web")
    before = await lab.until("web", ready)
    await lab.stop()
    await lab.create("second")
    lab.start()
    await lab.until("second", ready)
    after = await lab.client.get(PODS, "web", "default")
    old, new = (p["status"]["containerStatuses"][0] for p in (before, after))
    assert (old["containerID"], new["restartCount"]) == (new["containerID"], 0)
    assert ready(after)


async def test_a_pod_deleted_while_the_agent_was_down_leaves_nothing(lab: Lab) -> None:
    await lab.create("web")
    await lab.until("web", ready)
    await lab.stop()
    await lab.client.delete(PODS, "web", "default", grace_period=0)
    await lab.until_gone("web")
    lab.start()
    async with asyncio.timeout(10):
        while any((lab.directory / "state").glob("*.json")):
            await asyncio.sleep(0.01)


class Unplugged:
    """A transport that can be cut, as when the API server is down."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.cut = False

    async def request(self, *arguments: Any) -> Any:
        if self.cut:
            raise TransportError("connection refused")
        return await self._transport.request(*arguments)

    def stream(self, *arguments: Any) -> Any:
        return self._transport.stream(*arguments)

    async def close(self) -> None:
        await self._transport.close()


async def test_containers_restart_and_are_reported_later_when_the_api_server_is_away(
    tmp_path: Path,
) -> None:
    async with running_cluster() as cluster:
        lab = Lab(cluster, tmp_path / "node")
        transport = Unplugged(InProcessTransport(cluster.api.handle, NODE_USER))
        runtime = SimulatedRuntime("10.9.0.0/24")
        lab.task = asyncio.create_task(
            run(RestClient(transport), lab.settings, runtime, SystemClock())
        )
        pod = await lab.create("crash", {"runFor": 0.5, "crashes": 1})
        await lab.until("crash", phase("Running"))
        transport.cut = True
        async with asyncio.timeout(10):
            while True:
                found = await runtime.list_containers(pod["metadata"]["uid"])
                if [c for c in found if c.attempt == 1]:
                    break
                await asyncio.sleep(0.01)
        before = await lab.client.get(PODS, "crash", "default")
        assert before["status"]["containerStatuses"][0]["restartCount"] == 0
        transport.cut = False
        await lab.until("crash", lambda p: p["status"]["containerStatuses"][0]["restartCount"] == 1)
        await lab.stop()


async def test_a_pod_nobody_understands_is_told_and_harms_no_other(lab: Lab) -> None:
    """Such a pod can come from an API server with other ideas of what is valid."""
    odd = {"periodSeconds": "soon", "httpGet": {"port": 1}}
    await lab.until_registered()
    agent_client = Odd(lab.cluster.client_of(NODE_USER), odd)
    await lab.stop()
    runtime = SimulatedRuntime("10.9.0.0/24")
    lab.task = asyncio.create_task(
        run(agent_client, lab.settings, runtime, SystemClock())  # type: ignore[arg-type]
    )
    await lab.create("odd")
    await lab.create("fine")
    await lab.until("fine", ready)
    await lab.reasons("odd", "FailedSync")


class Odd:
    """A client through which the pod `odd` has a probe that is no probe."""

    def __init__(self, client: Any, probe: Object) -> None:
        self._client = client
        self._probe = probe

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def watch(self, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        async for event in self._client.watch(*arguments, **options):
            if event.object["metadata"].get("name") == "odd" and event.object["kind"] == "Pod":
                event.object["spec"]["containers"][0]["readinessProbe"] = self._probe
            yield event


async def test_thirty_pods_start_together_quickly(lab: Lab) -> None:
    for number in range(30):
        await lab.create(f"web-{number}")
    for number in range(30):
        await lab.until(f"web-{number}", ready)
