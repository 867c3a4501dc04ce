"""Traefik, a real ingress controller on client-go: HTTP through Ingress and Gateway API objects of
the cluster to a server of the test's own, which an EndpointSlice says is on loopback."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.conftest import Grappe, until

TRAEFIK = shutil.which("traefik", path=str(Path(sys.executable).parent)) or shutil.which("traefik")

pytestmark = pytest.mark.skipif(TRAEFIK is None, reason="traefik is not on PATH")

BACKEND = """\
apiVersion: v1
kind: Service
metadata: {name: back}
spec:
  ports: [{name: http, port: 80}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: back-1, labels: {kubernetes.io/service-name: back}}
addressType: IPv4
ports: [{name: http, port: PORT}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: NAMESPACE}
spec: {controller: traefik.io/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: NAMESPACE
  rules:
  - host: HOST
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: back, port: {name: http}}}}
"""
# What Traefik reads of Gateway API. Its objects are checked by the definitions the project
# publishes; here every field is let through.
KINDS = {
    "gatewayclasses": ("GatewayClass", "Cluster", "v1"),
    "gateways": ("Gateway", "Namespaced", "v1"),
    "httproutes": ("HTTPRoute", "Namespaced", "v1"),
    "grpcroutes": ("GRPCRoute", "Namespaced", "v1"),
    "tlsroutes": ("TLSRoute", "Namespaced", "v1"),
    "listenersets": ("ListenerSet", "Namespaced", "v1"),
    "backendtlspolicies": ("BackendTLSPolicy", "Namespaced", "v1"),
    "referencegrants": ("ReferenceGrant", "Namespaced", "v1beta1"),
}
GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: NAMESPACE}
spec: {controllerName: traefik.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: NAMESPACE
  listeners:
  - {name: web, protocol: HTTP, port: ENTRY, allowedRoutes: {namespaces: {from: Same}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  hostnames: [HOST]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{group: "", kind: Service, name: back, port: 80, weight: 1}]
"""


def definition(plural: str) -> dict:
    kind, scope, version = KINDS[plural]
    group = "gateway.networking.k8s.io"
    # Kubernetes takes definitions of its own groups only with proof of their review.
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": approved},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


@pytest.fixture
def backend() -> Iterator[int]:
    """The port of a server that answers with the host it was asked for."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"here for {self.headers['Host']}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Traefik:
    """A running Traefik with a provider, its entry point and its log."""

    def __init__(self, grappe: Grappe, home: Path, *provider: str) -> None:
        self.entry = free_port()
        self.log = home / "traefik.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    str(TRAEFIK),
                    f"--entrypoints.web.address=127.0.0.1:{self.entry}",
                    "--global.checknewversion=false",
                    "--global.sendanonymoususage=false",
                    "--log.level=DEBUG",
                    *provider,
                ],
                env={**grappe.env, "KUBECONFIG": str(grappe.config.kubeconfig)},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def get(self, host: str) -> str:
        """What is answered for `host`, or nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", self.entry, timeout=10)
        try:
            connection.request("GET", "/path", headers={"Host": host})
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == 200 else ""
        except OSError:
            return ""
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def test_http_goes_through_an_ingress(
    shared: Grappe, namespace: str, backend: int, tmp_path: Path
) -> None:
    host = f"{namespace}.example.com"

    def apply(text: str) -> None:
        shared.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)

    apply(BACKEND.replace("PORT", str(backend)))
    apply(INGRESS.replace("HOST", host).replace("NAMESPACE", namespace))
    traefik = Traefik(
        shared,
        tmp_path,
        "--providers.kubernetesingress=true",
        f"--providers.kubernetesingress.ingressclass={namespace}",
        f"--providers.kubernetesingress.namespaces={namespace}",
        "--providers.kubernetesingress.ingressendpoint.ip=127.0.0.1",
    )
    try:
        until(lambda: traefik.get(host) == f"here for {host}", "the Ingress is routed")
        assert traefik.get("other.example.com") == ""
        address = "jsonpath={.status.loadBalancer.ingress[0].ip}"

        def published() -> bool:
            shown = shared.kubectl("get", "-n", namespace, "ingress", "web", "-o", address)
            return shown.stdout == "127.0.0.1"

        until(published, "the Ingress shows its address")
        # What changes in the cluster is heard through watches.
        moved = [{"op": "replace", "path": "/spec/rules/0/host", "value": f"new.{host}"}]
        shared.kubectl(
            "patch", "-n", namespace, "ingress", "web", "--type=json", "-p", json.dumps(moved)
        )
        until(lambda: traefik.get(f"new.{host}") and not traefik.get(host), "the change counts")
        shared.kubectl("delete", "-n", namespace, "endpointslice", "back-1")
        until(lambda: not traefik.get(f"new.{host}"), "without endpoints nothing is served")
    finally:
        traefik.stop()
        shared.kubectl("delete", "ingressclass", namespace)


def test_http_goes_through_a_gateway(
    shared: Grappe, namespace: str, backend: int, tmp_path: Path
) -> None:
    host = f"{namespace}.example.com"
    definitions = {"apiVersion": "v1", "kind": "List", "items": [definition(p) for p in KINDS]}
    shared.kubectl("apply", "-f", "-", stdin=json.dumps(definitions))
    names = [f"crd/{d['metadata']['name']}" for d in definitions["items"]]
    shared.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    traefik = Traefik(
        shared,
        tmp_path,
        "--providers.kubernetesgateway=true",
        f"--providers.kubernetesgateway.namespaces={namespace}",
    )
    try:
        text = BACKEND.replace("PORT", str(backend)) + "---\n" + GATEWAY
        text = text.replace("HOST", host).replace("ENTRY", str(traefik.entry))
        text = text.replace("NAMESPACE", namespace)
        shared.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)
        until(lambda: traefik.get(host) == f"here for {host}", "the HTTPRoute is routed")

        def condition(name: str, kind: str, where: str) -> bool:
            shown = shared.get("-n", namespace, name)["status"]
            found = shown[where][0]["conditions"] if where else shown["conditions"]
            return {c["type"]: c["status"] for c in found}.get(kind) == "True"

        until(lambda: condition("gateway/front", "Programmed", ""), "the Gateway is programmed")
        until(lambda: condition("httproute/web", "Accepted", "parents"), "the route is accepted")
        shared.kubectl("delete", "-n", namespace, "httproute", "web")
        until(lambda: not traefik.get(host), "the route is gone")
    finally:
        traefik.stop()
        shared.kubectl("delete", *names, "--wait=false")
