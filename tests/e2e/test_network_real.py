"""The network as users of a real cluster meet it: names, addresses, localhost, policies."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

import pytest

from tests.e2e.conftest import Grappe, needs_root, until
from tests.e2e.images import busybox_archive

pytestmark = [
    needs_root,
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.timeout(300),
]

IMAGE = "localhost/busybox:net"
# The page is the pod's name; on SIGTERM the server goes on for a moment, as good servers do.
SERVE = (
    "trap 'sleep 1; kill $!; exit 0' TERM; "
    "hostname > /www/index.html; httpd -f -p 8080 -h /www & wait"
)


def container(**more: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "image": IMAGE,
        "command": ["sh", "-c", SERVE],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        **more,
    }


def pod(name: str, app: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 2, "containers": [container()], **spec},
    }


def service(name: str, app: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": "http"}], **spec},
    }


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 3, "containers": [container()]},
        },
    },
}


def apply(grappe: Grappe, *objects: dict[str, Any]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    grappe.kubectl("apply", "-f", "-", stdin=json.dumps(items))


def fetch(url: str, timeout: float = 5.0) -> str:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return str(answer.read().decode().strip())


def answers(url: str) -> bool:
    try:
        fetch(url, timeout=0.5)
    except OSError:
        return False
    return True


def asked(web: Grappe, name: str) -> str:
    """What the client pod is told on port 80, or why it is not."""
    request = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {name} 80"
    done = web.kubectl("exec", "client", "--", "sh", "-c", request, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def web(real: Grappe, tmp_path_factory: pytest.TempPathFactory) -> Grappe:
    """Two pods of a Deployment behind a node port, and a pod to call from."""
    real("image", "load", str(busybox_archive(tmp_path_factory.mktemp("image") / "b.tar", IMAGE)))
    apply(
        real,
        DEPLOYMENT,
        service("web", "web", type="NodePort"),
        pod("client", "client", hostname="caller", subdomain="callers"),
        service("callers", "client", clusterIP="None"),
    )
    real.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    real.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    return real


def local(web: Grappe, name: str = "web") -> str:
    return f"http://127.0.0.1:{web.get('service', name)['spec']['ports'][0]['nodePort']}/"


def test_a_service_answers_on_localhost_its_address_and_its_name(web: Grappe) -> None:
    names = {p["metadata"]["name"] for p in web.get("pods", "-l", "app=web")["items"]}
    until(lambda: answers(local(web)), "the node port answers")
    address = web.get("service", "web")["spec"]["clusterIP"]
    for url in (local(web), f"http://{address}/"):
        assert set(Counter(fetch(url) for _ in range(40))) == names
    for name in ("web", "web.default", "web.default.svc.cluster.local"):
        inside = web.kubectl("exec", "client", "--", "wget", "-qO-", f"http://{name}/")
        assert inside.stdout.strip() in names


def test_a_pod_behind_a_headless_service_has_a_name_and_reaches_itself_by_it(web: Grappe) -> None:
    name = "caller.callers.default.svc.cluster.local"
    said = web.kubectl("exec", "client", "--", "wget", "-qO-", f"http://{name}:8080/")
    assert said.stdout.strip() == "caller"


def test_a_rolling_update_fails_no_request_on_localhost(web: Grappe) -> None:
    url = local(web)
    until(lambda: answers(url), "the node port answers")
    before = {p["metadata"]["name"] for p in web.get("pods", "-l", "app=web")["items"]}
    failures: list[str] = []
    seen: Counter[str] = Counter()
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                seen[fetch(url)] += 1
            except OSError as error:
                failures.append(f"{time.monotonic():.3f} {error!r}")

    clients = [threading.Thread(target=load) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        web.kubectl("rollout", "restart", "deployment/web")
        web.kubectl("rollout", "status", "deployment/web", "--timeout=90s")
        until(
            lambda: not before & {p["metadata"]["name"] for p in web.get("pods")["items"]},
            "the old pods are gone",
        )
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert failures == []
    assert len(set(seen) - before) == 2


def test_a_load_balancer_has_an_address_and_its_port_on_localhost(web: Grappe) -> None:
    apply(
        web, service("lb", "web", type="LoadBalancer", ports=[{"port": 18080, "targetPort": 8080}])
    )
    status = until(
        lambda: web.get("service", "lb")["status"]["loadBalancer"].get("ingress"), "an address"
    )
    assert status[0]["ip"] == web.config.node_ip
    until(lambda: answers(f"http://{web.config.node_ip}:18080/"), "the address answers")
    until(lambda: answers("http://127.0.0.1:18080/"), "localhost answers")
    web.kubectl("delete", "service", "lb")
    until(lambda: not answers("http://127.0.0.1:18080/"), "the port is closed")


def test_a_host_port_answers_on_localhost(web: Grappe) -> None:
    ports = [{"containerPort": 8080, "hostPort": 18081, "name": "http"}]
    apply(web, pod("hp", "hp", containers=[container(ports=ports)]))
    until(lambda: answers("http://127.0.0.1:18081/"), "the host port answers")
    web.kubectl("delete", "pod", "hp", "--wait=false")
    until(lambda: not answers("http://127.0.0.1:18081/"), "the port is closed")


def test_a_network_policy_is_enforced(web: Grappe) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "only-friends"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}],
        },
    }
    assert "200 OK" in asked(web, "web")
    apply(web, policy)
    until(lambda: "timed out" in asked(web, "web"), "the client is kept out")
    web.kubectl("label", "pod", "client", "app=friend", "--overwrite")
    until(lambda: "200 OK" in asked(web, "web"), "the friend is let in")
    web.kubectl("delete", "networkpolicy", "only-friends")
    web.kubectl("label", "pod", "client", "app=client", "--overwrite")


def test_a_service_without_pods_is_refused_at_once(web: Grappe) -> None:
    apply(web, service("nobody", "nobody"))
    address = web.get("service", "nobody")["spec"]["clusterIP"]
    began = time.monotonic()
    with pytest.raises(urllib.error.URLError, match="refused"):
        fetch(f"http://{address}/")
    assert time.monotonic() - began < 1
    assert "refused" in asked(web, "nobody")
