"""What the audit log tells of requests."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, NAMESPACES, PODS, SECRETS
from grappe.apiserver.http.messages import Request, Response, User
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import ask, config_map, pod
from tests.cluster.hooks import VALIDATING, allowed, hook, register, review_answers, rule
from tests.cluster.https_servers import Asked, http, https_server
from tests.cluster.plant import until
from tests.cluster.policies import validate

CONFIG_MAP_PATH = "/api/v1/namespaces/default/configmaps"
JANE = User("jane", ("devs", "system:authenticated"), "u-1", {"team": ("a",)})
EVERYTHING = {
    "kind": "Policy",
    "apiVersion": "audit.k8s.io/v1",
    "omitManagedFields": True,
    "rules": [{"level": "RequestResponse"}],
}


class Audited:
    def __init__(self, cluster: TestCluster) -> None:
        self.cluster = cluster

    async def events(self, verb: str = "", **ref: str) -> list[dict[str, Any]]:
        """What the log tells; the server is stopped for it, so that it is all there."""
        await self.cluster.api.stop()
        lines = self.cluster.config.audit_log.read_bytes().splitlines()
        await self.cluster.api.start()
        return [
            event
            for event in map(orjson.loads, lines)
            if (not verb or event["verb"] == verb)
            and event["user"].get("username") not in ("system:apiserver",)
            and ref.items() <= event.get("objectRef", {}).items()
        ]


@asynccontextmanager
async def audited(tmp_path: Path, policy: Any = None) -> AsyncIterator[Audited]:
    if policy:
        (tmp_path / "audit-policy.yaml").write_bytes(orjson.dumps(policy))
    async with running_cluster(data_dir=tmp_path) as cluster:
        yield Audited(cluster)


async def test_a_write_is_told_with_who_what_and_why(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        headers = {"user-agent": "kubectl/v1.36", "x-forwarded-for": "10.0.0.9"}
        reply = await ask(
            log.cluster, "POST", CONFIG_MAP_PATH, config_map("a", {"k": "v"}), headers
        )
        assert reply.status == 201
        (event,) = await log.events("create", resource="configmaps")
    assert event["kind"] == "Event"
    assert event["apiVersion"] == "audit.k8s.io/v1"
    assert event["level"] == "Metadata"
    assert event["stage"] == "ResponseComplete"
    assert event["auditID"] == reply.headers["Audit-ID"]
    assert event["requestURI"] == CONFIG_MAP_PATH
    assert event["user"]["username"] == "admin"
    assert "system:masters" in event["user"]["groups"]
    assert event["sourceIPs"] == ["10.0.0.9", "::1"]
    assert event["userAgent"] == "kubectl/v1.36"
    assert event["objectRef"] == {
        "resource": "configmaps",
        "namespace": "default",
        "name": "a",
        "apiVersion": "v1",
    }
    assert event["responseStatus"] == {"metadata": {}, "code": 201}
    assert event["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert event["annotations"]["authorization.k8s.io/reason"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["stageTimestamp"])
    assert event["requestReceivedTimestamp"] <= event["stageTimestamp"]
    assert "requestObject" not in event
    assert "responseObject" not in event


async def test_reads_health_and_heartbeats_are_not_told(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        await ask(log.cluster, "GET", CONFIG_MAP_PATH)
        await ask(log.cluster, "GET", "/readyz")
        reply = await ask(log.cluster, "GET", "/api/v1/namespaces/default/secrets/x")
        assert reply.status == 404
        events = [event for event in await log.events() if event["user"]["username"] == "admin"]
    told = [(event["verb"], event["objectRef"]["resource"]) for event in events]
    assert told == [("create", "serviceaccounts"), ("get", "secrets")]
    assert events[1]["responseStatus"]["code"] == 404
    assert events[1]["responseStatus"]["reason"] == "NotFound"
    assert events[1]["responseStatus"]["details"]["name"] == "x"


async def test_a_refusal_tells_who_was_refused_and_a_role_why_it_allowed(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        jane = log.cluster.client_of(JANE)
        with pytest.raises(ApiError):
            await jane.create(CONFIG_MAPS, config_map("a"), "default")
        binding = {
            "kind": "RoleBinding",
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": {"name": "devs"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "edit",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "devs"}
            ],
        }
        path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
        assert (await ask(log.cluster, "POST", path, binding)).status == 201
        await jane.create(CONFIG_MAPS, config_map("a"), "default")
        refused, allowed = await log.events("create", resource="configmaps")
    assert refused["responseStatus"]["code"] == 403
    assert "cannot create" in refused["responseStatus"]["message"]
    assert refused["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert refused["user"] == {
        "username": "jane",
        "uid": "u-1",
        "groups": ["devs", "system:authenticated"],
        "extra": {"team": ["a"]},
    }
    assert allowed["annotations"] == {
        "authorization.k8s.io/decision": "allow",
        "authorization.k8s.io/reason": 'RBAC: allowed by RoleBinding "devs/default" of ClusterRole '
        '"edit" to Group "devs"',
    }


async def test_who_acts_as_another_is_told_with_both_names(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        headers = {"impersonate-user": "joe", "impersonate-group": "system:masters"}
        body = orjson.dumps(config_map("a"))
        admin = ("admin", ("system:masters",))
        request = Request("POST", CONFIG_MAP_PATH, "", headers, body, admin, None, "10.1.2.3")
        coming = log.cluster.api.handle(request)
        assert isinstance(coming, Awaitable)
        assert isinstance(await coming, Response)
        (event,) = await log.events("create", resource="configmaps")
    assert event["user"]["username"] == "admin"
    assert event["impersonatedUser"]["username"] == "joe"
    assert event["sourceIPs"] == ["10.1.2.3"]


async def test_bodies_are_told_at_their_levels_but_never_a_secret(tmp_path: Path) -> None:
    async with audited(tmp_path, EVERYTHING) as log:
        client = log.cluster.client
        await client.create(CONFIG_MAPS, config_map("a", {"k": "visible"}), "default")
        await client.patch(CONFIG_MAPS, "a", {"data": {"k": "changed"}}, "default")
        secret = {"metadata": {"name": "s"}, "stringData": {"k": "hidden-value"}}
        await client.create(SECRETS, secret, "default")
        await client.get(SECRETS, "s", "default")
        await ask(
            log.cluster,
            "POST",
            "/api/v1/namespaces/default/serviceaccounts/default/token",
            {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}},
        )
        created, patched = [
            event
            for event in await log.events(resource="configmaps")
            if event["stage"] == "ResponseComplete"
        ]
        text = log.cluster.config.audit_log.read_bytes()
    assert created["requestObject"]["data"] == {"k": "visible"}
    assert created["responseObject"]["data"] == {"k": "visible"}
    assert "managedFields" not in created["responseObject"]["metadata"]
    assert patched["requestObject"] == {"data": {"k": "changed"}}
    assert patched["responseObject"]["data"] == {"k": "changed"}
    assert b"hidden-value" not in text
    assert b"aGlkZGVuLXZhbHVl" not in text
    assert b"eyJ" not in text  # how every token begins


async def test_a_request_is_told_when_it_comes_and_a_watch_when_it_starts_and_ends(
    tmp_path: Path,
) -> None:
    async with audited(tmp_path, EVERYTHING) as log:
        client = log.cluster.client
        async with aclosing(client.watch(PODS, "default", resource_version="0")) as events:
            await client.create(PODS, pod("a"), "default")
            assert (await anext(events)).type == "ADDED"
        told = [
            (event["verb"], event["stage"], event["auditID"])
            for event in await log.events(resource="pods")
        ]
    assert [(verb, stage) for verb, stage, _ in told] == [
        ("create", "RequestReceived"),
        ("create", "ResponseComplete"),
        ("watch", "RequestReceived"),
        ("watch", "ResponseStarted"),
        ("watch", "ResponseComplete"),
    ]
    assert len({audit_id for _, _, audit_id in told}) == 2


async def test_a_client_may_name_its_request(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        for given, kept in (("my-id", True), ("x" * 100, False), ("ä", False)):
            reply = await ask(
                log.cluster, "POST", CONFIG_MAP_PATH, config_map("a"), {"audit-id": given}
            )
            assert (reply.headers["Audit-ID"] == given) is kept
        assert (await log.events("create", resource="configmaps"))[0]["auditID"] == "my-id"


async def test_pod_security_notes_what_it_enforced_and_what_it_would_refuse(
    tmp_path: Path,
) -> None:
    async with audited(tmp_path) as log:
        client = log.cluster.client
        labels = {
            "pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/audit": "restricted",
        }
        await client.patch(NAMESPACES, "default", {"metadata": {"labels": labels}})
        await client.create(PODS, pod("a"), "default")
        (event,) = await log.events("create", resource="pods")
    notes = event["annotations"]
    assert notes["pod-security.kubernetes.io/enforce-policy"] == "baseline:latest"
    assert notes["pod-security.kubernetes.io/audit-violations"].startswith(
        'would violate PodSecurity "restricted:latest": '
    )


async def test_what_is_generated_is_told_by_its_name(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        body = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"generateName": "a-"}}
        made = await ask(log.cluster, "POST", CONFIG_MAP_PATH, body)
        (event,) = await log.events("create", resource="configmaps")
    assert event["objectRef"]["name"] == made.body["metadata"]["name"]


async def test_events_are_counted(tmp_path: Path) -> None:
    async with audited(tmp_path) as log:
        await ask(log.cluster, "POST", CONFIG_MAP_PATH, config_map("a"))
        text = bytes((await ask(log.cluster, "GET", "/metrics")).body).decode()
    told = re.search(r"^apiserver_audit_event_total (\d+)$", text, re.M)
    assert told is not None
    assert int(told[1]) > 0
    assert 'apiserver_audit_error_total{plugin="log"} 0\n' in text


async def test_policies_and_webhooks_add_to_what_is_told(tmp_path: Path) -> None:
    judge = review_answers(lambda _: allowed(auditAnnotations={"seen": "by the hook"}))
    async with https_server(tmp_path, judge) as server, audited(tmp_path) as log:
        cluster = log.cluster
        await register(cluster, VALIDATING, "hook", hook(server, rule("configmaps")))
        await validate(
            cluster,
            {"expression": "object.data.size() < 1", "message": "too many"},
            name="small",
            binding={"validationActions": ["Audit", "Warn"]},
            auditAnnotations=[{"key": "size", "valueExpression": "string(object.data.size())"}],
        )

        async def warned() -> bool:
            made = config_map("", {"a": "b"}, generateName="x-")
            reply = await ask(cluster, "POST", CONFIG_MAP_PATH, made)
            assert reply.status == 201
            return any(name.lower() == "warning" for name in reply.headers)

        await until(warned)
        annotations = (await log.events("create", resource="configmaps"))[-1]["annotations"]
    assert annotations["authorization.k8s.io/decision"] == "allow"
    assert annotations["a.example.com/seen"] == "by the hook"
    assert annotations["small/size"] == "1"
    (failure,) = orjson.loads(annotations["validation.policy.admission.k8s.io/validation_failure"])
    assert failure["message"] == "too many"
    assert failure["policy"] == "small"


async def test_a_fault_of_ours_is_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with audited(tmp_path) as log:
        with monkeypatch.context() as broken:
            broken.setattr(log.cluster.store, "put", None)
            reply = await ask(log.cluster, "POST", CONFIG_MAP_PATH, config_map("a"))
        assert reply.status == 500
        (event,) = await log.events("create", resource="configmaps")
    assert event["stage"] == "Panic"
    assert event["responseStatus"]["code"] == 500
    assert "NoneType" not in orjson.dumps(event).decode()


async def test_events_are_sent_to_a_webhook_as_well(tmp_path: Path) -> None:
    async def answers(asked: Asked) -> bytes:
        return http(200, {})

    async with https_server(tmp_path, answers) as server:
        kubeconfig = {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {
                    "name": "c",
                    "cluster": {
                        "server": f"{server.url}/events",
                        "certificate-authority-data": server.bundle,
                    },
                }
            ],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
        (tmp_path / "audit-webhook.yaml").write_bytes(orjson.dumps(kubeconfig))
        async with audited(tmp_path) as log:
            reply = await ask(log.cluster, "POST", CONFIG_MAP_PATH, config_map("a"))
            (told,) = await log.events("create", resource="configmaps")
    sent = [item for asked in server.asked for item in asked.json["items"]]
    (same,) = [item for item in sent if item["auditID"] == reply.headers["Audit-ID"]]
    assert same == {k: v for k, v in told.items() if k not in ("kind", "apiVersion")}
    assert server.asked[0].path == "/events?timeout=30s"
    assert server.asked[0].all("authorization") == ["Bearer t"]


async def test_a_webhook_that_is_gone_holds_up_nothing(tmp_path: Path) -> None:
    kubeconfig = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1/"}}],
    }
    (tmp_path / "audit-webhook.yaml").write_bytes(orjson.dumps(kubeconfig))
    async with audited(tmp_path) as log:
        await log.cluster.client.create(CONFIG_MAPS, config_map("a"), "default")
        assert len(await log.events("create", resource="configmaps")) == 1
        text = (await ask(log.cluster, "GET", "/metrics")).body.decode()
    lost = re.search(r'apiserver_audit_error_total\{plugin="webhook"\} ([0-9]+)', text)
    assert lost is not None
    assert int(lost[1]) > 0
