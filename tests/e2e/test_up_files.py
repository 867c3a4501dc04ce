"""The files `grappe up` is given, end to end: each does its work in a real server process, is kept
for the next start, and is refused with a word about what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.https_servers import Asked, HttpsServer, http, https_server_beside
from tests.cluster.oidc_provider import Provider, configuration
from tests.e2e.conftest import Grappe, until

UP = ("up", "--simulate", "1", "--port", "0")
PRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: strong}
spec:
  containers: [{name: c, image: example.com/c:1, securityContext: {privileged: true}}]
"""
ADMISSION = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AdmissionConfiguration",
    "plugins": [
        {
            "name": "PodSecurity",
            "configuration": {
                "apiVersion": "pod-security.admission.config.k8s.io/v1",
                "kind": "PodSecurityConfiguration",
                "defaults": {"enforce": "baseline"},
                "exemptions": {"namespaces": ["trusted"]},
            },
        }
    ],
}


def written(path: Path, content: Any) -> str:
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[HttpsServer]:
    """A webhook that takes audit events."""

    async def taken(asked: Asked) -> bytes:
        return http(200, {})

    with https_server_beside(tmp_path, taken) as running:
        yield running


def sent_to(server: HttpsServer, **user: str) -> dict[str, Any]:
    """A kubeconfig that leads to a server."""
    found = {"server": f"{server.url}/events", "certificate-authority-data": server.bundle}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "audit", "cluster": found}],
        "users": [{"name": "grappe", "user": user}],
        "contexts": [{"name": "audit", "context": {"cluster": "audit", "user": "grappe"}}],
        "current-context": "audit",
    }


def events(server: HttpsServer) -> list[dict[str, Any]]:
    return [event for asked in tuple(server.asked) for event in asked.json["items"]]


def told_of(server: HttpsServer, name: str) -> list[dict[str, Any]]:
    """The events about the ConfigMap of that name."""
    return [
        event
        for event in events(server)
        if event.get("objectRef", {}).get("resource") == "configmaps"
        and event["objectRef"].get("name") == name
    ]


def test_audit_events_reach_the_webhook_and_do_so_after_a_restart(
    grappe: Grappe, tmp_path: Path, collector: HttpsServer
) -> None:
    file = written(tmp_path / "webhook.yaml", sent_to(collector, token="a-secret"))
    grappe(*UP, "--audit-webhook-config-file", file)
    grappe.kubectl("create", "configmap", "told", "--from-literal=a=b")
    (event,) = until(lambda: told_of(collector, "told"), "the event arrives")
    assert (event["verb"], event["stage"]) == ("create", "ResponseComplete")
    assert event["user"]["username"] == "kubernetes-admin"
    assert event["responseStatus"]["code"] == 201
    asked = collector.asked[0]
    assert (asked.method, asked.path) == ("POST", "/events?timeout=30s")
    assert asked.all("authorization") == ["Bearer a-secret"]
    # What waits is sent before the server ends.
    grappe.kubectl("create", "configmap", "last", "--from-literal=a=b")
    grappe("down")
    assert told_of(collector, "last")
    Path(file).unlink()
    grappe("up")
    grappe.kubectl("create", "configmap", "again", "--from-literal=a=b")
    until(lambda: told_of(collector, "again"), "the event arrives")
    logged = grappe("logs", "server").stdout
    assert "a-secret" not in logged


def test_a_policy_says_what_is_told(grappe: Grappe, tmp_path: Path) -> None:
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Request", "resources": [{"group": "", "resources": ["configmaps"]}]},
            {"level": "None"},
        ],
    }
    grappe(*UP, "--audit-policy", written(tmp_path / "policy.yaml", policy))
    grappe.kubectl("create", "configmap", "told", "--from-literal=a=b")
    grappe.kubectl("create", "serviceaccount", "untold")

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in grappe.config.audit_log.read_text().splitlines()]

    def created() -> list[dict[str, Any]]:
        return [event for event in lines() if event["objectRef"].get("name") == "told"]

    (event,) = until(created, "the line is written")
    assert event["level"] == "Request"
    assert event["requestObject"]["data"] == {"a": "b"}
    assert {event["objectRef"]["resource"] for event in lines()} == {"configmaps"}


def test_pod_security_has_the_defaults_and_exemptions_of_the_file(
    grappe: Grappe, tmp_path: Path
) -> None:
    file = written(tmp_path / "admission.yaml", ADMISSION)
    grappe(*UP, "--admission-control-config-file", file)
    grappe.kubectl("create", "namespace", "trusted")

    def is_held_to_the_file() -> None:
        refused = grappe.kubectl("apply", "-f", "-", stdin=PRIVILEGED, check=False).stderr
        assert 'violates PodSecurity "baseline:latest": privileged' in refused
        grappe.kubectl("apply", "-n", "trusted", "-f", "-", stdin=PRIVILEGED)

    is_held_to_the_file()
    grappe("down")
    Path(file).unlink()
    grappe("up")
    is_held_to_the_file()


def test_users_of_an_issuer_are_let_in(grappe: Grappe, tmp_path: Path) -> None:
    provider = Provider(tmp_path)
    try:
        given = written(tmp_path / "authentication.yaml", configuration(provider))
        grappe(*UP, "--authentication-config", given)
        grappe.kubectl(
            "create", "clusterrolebinding", "devs", "--clusterrole=view", "--group=oidc:devs"
        )
        # Beside the client certificate of the context a token would not be looked at.
        grappe.kubectl("config", "set-credentials", "none")
        grappe.kubectl("config", "set-context", f"grappe-{grappe.name}", "--user=none")

        def with_token(token: str, *arguments: str) -> tuple[int, str]:
            done = grappe.kubectl("--token", token, *arguments, check=False)
            return done.returncode, done.stdout + done.stderr

        token = provider.token(groups=["devs"])
        code, told = until(
            lambda: (found := with_token(token, "auth", "whoami"))[0] == 0 and found,
            "the issuer's keys are known",
        )
        assert (code, "oidc:jane" in told) == (0, True), told
        assert with_token(token, "get", "pods")[0] == 0
        code, told = with_token(token, "create", "configmap", "x")
        assert code != 0
        assert 'User "oidc:jane" cannot create resource "configmaps"' in told
        code, told = with_token(provider.token(aud="another"), "get", "pods")
        assert code != 0
        assert "logged in" in told
    finally:
        provider.stop()


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("--audit-policy", {"kind": "Policy"}, "is no audit policy"),
        ("--audit-webhook-config-file", {"kind": "Config", "apiVersion": "v1"}, "current-context"),
        ("--authentication-config", {"kind": "Nonsense"}, "AuthenticationConfiguration"),
        (
            "--admission-control-config-file",
            {**ADMISSION, "plugins": [{"name": "NodeRestriction", "configuration": {"kind": "X"}}]},
            "NodeRestriction",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("--") else "",
)
def test_a_bad_file_is_refused_before_anything_is_made(
    grappe: Grappe, tmp_path: Path, option: str, content: Any, told: str
) -> None:
    file = written(tmp_path / "bad.yaml", content)
    done = grappe(*UP, option, file, check=False)
    assert done.returncode == 1
    assert file in done.stderr
    assert told in done.stderr
    assert "there is no cluster" in grappe("status", check=False).stderr


def test_a_running_cluster_keeps_its_files(grappe: Grappe, tmp_path: Path) -> None:
    file = written(tmp_path / "admission.yaml", ADMISSION)
    grappe(*UP)
    done = grappe("up", "--admission-control-config-file", file, check=False)
    assert done.returncode == 1
    assert f"runs already, without what {file} says" in done.stderr
    grappe("down")
    grappe("up", "--admission-control-config-file", file)
    assert "is already up" in grappe("up", "--admission-control-config-file", file).stdout
