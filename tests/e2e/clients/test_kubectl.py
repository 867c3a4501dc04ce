"""kubectl on a running cluster: a broad walk through what people type, with the kubectl that is
installed and with the one of this Kubernetes version, which is compiled (tests/clients/kubectl)."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients.go_builds import FIRST_BUILD, built
from tests.e2e.conftest import Grappe, until

Kubectl = Callable[..., str]

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: "example.com/web:1", ports: [{containerPort: 8080}]}
"""


pytestmark = FIRST_BUILD


@pytest.fixture(scope="session", params=["installed", "compiled"])
def program(request: pytest.FixtureRequest) -> str:
    """The kubectl to run."""
    return "kubectl" if request.param == "installed" else str(built("kubectl", "build"))


@pytest.fixture
def kubectl(shared: Grappe, namespace: str, program: str) -> Kubectl:
    def run(*arguments: str, stdin: str | None = None, fails: bool = False) -> str:
        """Standard output of a success, standard error of a failure."""
        done = shared.kubectl(
            "-n", namespace, *arguments, stdin=stdin, check=False, program=program
        )
        assert (done.returncode != 0) is fails, (arguments, done.stdout, done.stderr)
        return done.stderr if fails else done.stdout

    return run


def test_a_deployment_rolls_out_back_and_scales(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web created\n"
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("set", "image", "deployment/web", "main=example.com/web:2")
    kubectl("annotate", "deployment/web", "kubernetes.io/change-cause=two")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    history = kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert kubectl("get", "deployment", "web", "-o", image) == "example.com/web:1"
    kubectl("rollout", "restart", "deployment/web")
    kubectl("rollout", "pause", "deployment/web")
    kubectl("rollout", "resume", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("scale", "deployment/web", "--replicas=3", "--current-replicas=2")
    kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=60s")
    kubectl("autoscale", "deployment", "web", "--min=1", "--max=4", "--cpu-percent=80")
    assert "Deployment/web" in kubectl("get", "hpa", "web")
    described = kubectl("describe", "deployment", "web")
    for part in ("ScalingReplicaSet", "RollingUpdate", "example.com/web:1", "3 desired"):
        assert part in described
    kubectl("delete", "deployment", "web", "--cascade=foreground", "--timeout=60s")
    assert kubectl("get", "replicasets", "-o", "name") == ""


def test_apply_prunes_diffs_and_edits(kubectl: Kubectl) -> None:
    def manifest(*names: str) -> str:
        return "---\n".join(
            "apiVersion: v1\nkind: ConfigMap\n"
            f"metadata: {{name: {n}, labels: {{set: s}}}}\ndata: {{k: '1'}}\n"
            for n in names
        )

    kubectl("apply", "-f", "-", stdin=manifest("a", "b"))
    prune = ("apply", "--prune", "-l", "set=s", "--prune-allowlist=core/v1/ConfigMap")
    assert "configmap/b pruned" in kubectl(*prune, "-f", "-", stdin=manifest("a"))
    live = kubectl("apply", "view-last-applied", "configmap/a", "-o", "json")
    assert json.loads(live)["data"] == {"k": "1"}
    changed = manifest("a").replace("'1'", "'2'")
    assert "serverside-applied (server dry run)" in kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=changed
    )
    diff = kubectl("diff", "-f", "-", stdin=changed, fails=True)
    assert diff == ""  # a difference is exit status 1, and nothing on standard error
    kubectl("patch", "configmap", "a", "--type=json", "-p", '[{"op":"remove","path":"/data/k"}]')
    assert kubectl("get", "configmap", "a", "-o", "jsonpath={.data.k}") == ""
    kubectl("replace", "--force", "-f", "-", stdin=changed)
    assert kubectl("get", "configmap", "a", "-o", "jsonpath={.data.k}") == "2"
    kubectl("create", "-f", "-", stdin=manifest("a"), fails=True)
    kubectl("delete", "configmaps", "-l", "set=s")


def test_secrets_accounts_roles_and_who_may(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "secret", "generic", "s", "--from-literal=password=hidden")
    assert "hidden" not in kubectl("describe", "secret", "s")
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    account = f"{namespace}:robot"
    kubectl("create", "rolebinding", "reads", "--role=reader", f"--serviceaccount={account}")
    robot = f"--as=system:serviceaccount:{account}"
    assert kubectl("auth", "can-i", "list", "pods", robot) == "yes\n"
    assert kubectl("get", "pods", robot, "-o", "name") == ""
    told = kubectl("get", "secrets", robot, fails=True)
    assert f'cannot list resource "secrets" in API group "" in the namespace "{namespace}"' in told
    assert kubectl("create", "token", "robot").count(".") == 2
    assert "pods" in kubectl("auth", "can-i", "--list", robot)


def test_pods_run_log_and_are_waited_for(kubectl: Kubectl) -> None:
    script = json.dumps({"log": "one\ntwo\nthree\n"})
    kubectl(
        "run", "p", "--image=example.com/p:1", "--restart=Never", "--labels=run=p",
        f"--annotations=grappe.dev/simulate={script}", "--env=A=b",
    )  # fmt: skip
    kubectl("wait", "pod/p", "--for=condition=Ready", "--timeout=60s")
    assert kubectl("logs", "p", "--tail=1") == "three\n"
    assert len(kubectl("logs", "p", "--limit-bytes=1")) == 1
    stamp, _, text = kubectl("logs", "p", "--tail=1", "--timestamps").partition(" ")
    assert (stamp[10], stamp[-1], text) == ("T", "Z", "three\n")
    assert kubectl("logs", "p", "--since=24h").splitlines()[-3:] == ["one", "two", "three"]
    assert "Started" in kubectl("events", "--for=pod/p")
    kubectl("expose", "pod", "p", "--port=80", "--target-port=8080", "--name=svc")
    wide = kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=svc")
    assert "8080" in wide
    assert "kubectl.kubernetes.io" not in kubectl("get", "pod", "p", "-o", "yaml")
    kubectl("delete", "pod", "p", "--grace-period=0", "--force")
    until(lambda: "NotFound" in kubectl("get", "pod", "p", fails=True), "the pod is gone")


def test_nodes_are_cordoned_and_drained(shared: Grappe, kubectl: Kubectl) -> None:
    node = shared.kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}").stdout
    listed = kubectl("get", "node", node, "-o", "wide")
    assert " Ready " in listed
    assert "Allocatable" in kubectl("describe", "node", node)
    kubectl("label", "node", node, "tested=yes")
    assert node in kubectl("get", "nodes", "-l", "tested=yes", "-o", "name")
    kubectl("label", "node", node, "tested-")


def test_the_proxy_serves_the_api_on_a_port_and_a_socket(
    shared: Grappe, program: str, tmp_path: Path
) -> None:
    path = tmp_path / "s"
    for where in (["--port=0"], [f"--unix-socket={path}"]):
        process = subprocess.Popen(
            [program, f"--context=grappe-{shared.name}", "proxy", *where],
            env=shared.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "Starting to serve on" in line
            if path.exists():
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(str(path))
            else:
                connection = socket.create_connection(("127.0.0.1", int(line.rsplit(":", 1)[1])))
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"GET /api/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
                stream.flush()
                answer = stream.read().decode()
            assert json.loads(answer.partition("\r\n\r\n")[2])["versions"] == ["v1"]
        finally:
            process.terminate()
            process.wait(30)
