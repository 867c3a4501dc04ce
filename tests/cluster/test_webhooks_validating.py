"""Validating admission webhooks, asked over TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from grappe.apiserver.http.messages import User
from grappe.assembly.inprocess import InProcessTransport
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    ask,
    config_map,
    deployment,
    pod,
)
from tests.cluster.hooks import (
    MUTATING,
    VALIDATING,
    allowed,
    denied,
    hook,
    register,
    review_answers,
    rule,
)
from tests.cluster.https_servers import Asked, http, https_server


def no_secrets(request: Any) -> dict[str, Any]:
    data = (request["object"] or {}).get("data") or {}
    return denied("the key bad is not allowed") if "bad" in data else allowed()


async def test_creations_and_updates_are_denied_in_kubernetes_words(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(no_secrets)) as server:
        await register(
            cluster, VALIDATING, "v", hook(server, rule("configmaps", "CREATE", "UPDATE"))
        )
        told = 'admission webhook "a.example.com" denied the request: the key bad is not allowed'
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x", {"bad": "1"}))
        assert (refused.status, refused.message) == (400, told)
        assert refused.body["status"] == "Failure"
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201
        put = await ask(cluster, "PUT", f"{CONFIG_MAPS}/x", config_map("x", {"bad": "1"}))
        assert put.message == told
        patch = await ask(
            cluster,
            "PATCH",
            f"{CONFIG_MAPS}/x",
            {"data": {"bad": "1"}},
            {"content-type": "application/merge-patch+json"},
        )
        assert patch.message == told
        assert server.connections == 1  # kept between requests


async def test_what_a_webhook_is_told(cluster: TestCluster, tmp_path: Path) -> None:
    async with https_server(tmp_path, review_answers(lambda _: allowed())) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        jane = InProcessTransport(
            cluster.api.handle,
            User("jane", ("system:masters",), "u1", {"team": ("a", "b")}),
        )
        body = b'{"metadata":{"name":"x"},"data":{"k":"v"}}'
        query = {"dryRun": "All", "fieldManager": "me"}
        made = await jane.request("POST", CONFIG_MAPS, query, {}, body)
        assert made.status == 201
        asked = server.asked[0]
        assert (asked.method, asked.path) == ("POST", "/check?timeout=10s")
        review = asked.json
        assert (review["kind"], review["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
        request = review["request"]
        gvk = {"group": "", "version": "v1", "kind": "ConfigMap"}
        gvr = {"group": "", "version": "v1", "resource": "configmaps"}
        assert request["kind"] == request["requestKind"] == gvk
        assert request["resource"] == request["requestResource"] == gvr
        assert "subResource" not in request
        assert (request["name"], request["namespace"]) == ("x", "default")
        assert (request["operation"], request["dryRun"]) == ("CREATE", True)
        assert request["userInfo"] == {
            "username": "jane",
            "uid": "u1",
            "groups": ["system:masters"],
            "extra": {"team": ["a", "b"]},
        }
        assert request["object"]["data"] == {"k": "v"}
        assert request["object"]["metadata"]["uid"]
        assert request["oldObject"] is None
        assert request["options"] == {
            "kind": "CreateOptions",
            "apiVersion": "meta.k8s.io/v1",
            "dryRun": ["All"],
            "fieldManager": "me",
        }


async def test_deletion_brings_the_old_object_and_may_be_denied(
    cluster: TestCluster, tmp_path: Path
) -> None:
    def keep(request: Any) -> dict[str, Any]:
        kept = (request["oldObject"]["metadata"].get("labels") or {}).get("keep")
        return denied("kept") if kept else allowed()

    async with https_server(tmp_path, review_answers(keep)) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps", "DELETE")))
        await ask(cluster, "POST", CONFIG_MAPS, config_map("a", labels={"keep": "1"}))
        await ask(cluster, "POST", CONFIG_MAPS, config_map("b"))
        refused = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/a", {"gracePeriodSeconds": 0})
        assert refused.status == 400
        request = server.asked[0].json["request"]
        assert request["object"] is None
        assert request["options"]["gracePeriodSeconds"] == 0
        assert (await ask(cluster, "DELETE", f"{CONFIG_MAPS}/b")).status == 200
        assert (
            await ask(cluster, "DELETE", CONFIG_MAPS)
        ).status == 400  # a collection, item by item
        assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 200


async def test_status_of_a_denial_is_passed_on(cluster: TestCluster, tmp_path: Path) -> None:
    status = {"code": 403, "reason": "Forbidden", "details": {"causes": [{"message": "m"}]}}
    answers = iter(
        (
            denied("", **status),
            {"allowed": False},
            {"allowed": False, "status": {"code": 200, "status": "Success"}},
        )
    )
    async with https_server(tmp_path, review_answers(lambda _: next(answers))) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        first = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        told = 'admission webhook "a.example.com" denied the request'
        assert (first.status, first.message) == (403, f"{told}: Forbidden")
        assert first.body["details"] == {"causes": [{"message": "m"}]}
        for _ in range(2):
            other = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
            assert (other.status, other.message) == (400, f"{told} without explanation")


async def test_warnings_reach_the_client_whatever_becomes_of_the_request(
    cluster: TestCluster, tmp_path: Path
) -> None:
    answers = iter((allowed(warnings=["careful"]), {**denied(), "warnings": ["told you"]}))
    async with https_server(tmp_path, review_answers(lambda _: next(answers))) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        made = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        assert made.headers["Warning"] == '299 - "careful"'
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("y"))
        assert refused.headers["Warning"] == '299 - "told you"'


async def test_selectors_and_scope_choose(cluster: TestCluster, tmp_path: Path) -> None:
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        await register(
            cluster,
            VALIDATING,
            "v",
            hook(
                server,
                rule("*", "CREATE"),
                namespaceSelector={
                    "matchExpressions": [{"key": "exempt", "operator": "DoesNotExist"}]
                },
                objectSelector={"matchLabels": {"checked": "yes"}},
            ),
        )
        space = {"metadata": {"name": "free", "labels": {"exempt": "1", "checked": "yes"}}}
        assert (await ask(cluster, "POST", "/api/v1/namespaces", space)).status == 201
        free = "/api/v1/namespaces/free/configmaps"
        labelled = config_map("x", labels={"checked": "yes"})
        assert (await ask(cluster, "POST", free, labelled)).status == 201
        assert (await ask(cluster, "POST", CONFIG_MAPS, labelled)).status == 400
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201
        bad = {"metadata": {"name": "bad", "labels": {"checked": "yes"}}}
        assert (await ask(cluster, "POST", "/api/v1/namespaces", bad)).status == 400
        node = {"metadata": {"name": "n", "labels": {"checked": "yes"}}}
        assert (await ask(cluster, "POST", "/api/v1/nodes", node)).status == 400


async def test_an_equivalent_version_is_converted_for_the_webhook(
    cluster: TestCluster, tmp_path: Path
) -> None:
    scaler = {
        "metadata": {"name": "h"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "d"},
            "maxReplicas": 2,
            "targetCPUUtilizationPercentage": 50,
        },
    }
    v1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
    wanted = rule("horizontalpodautoscalers", group="autoscaling", version="v2")
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        exact = hook(server, wanted, matchPolicy="Exact")
        await register(cluster, VALIDATING, "v", exact)
        assert (await ask(cluster, "POST", v1, scaler)).status == 201
        live = (await ask(cluster, "GET", f"{VALIDATING}/v")).body
        live["webhooks"] = [hook(server, wanted)]
        assert (await ask(cluster, "PUT", f"{VALIDATING}/v", live)).status == 200
        scaler["metadata"] = {"name": "i"}
        assert (await ask(cluster, "POST", v1, scaler)).status == 400
        request = server.asked[0].json["request"]
        assert (request["kind"]["version"], request["requestKind"]["version"]) == ("v2", "v1")
        assert (request["resource"]["version"], request["requestResource"]["version"]) == (
            "v2",
            "v1",
        )
        assert request["object"]["apiVersion"] == "autoscaling/v2"
        assert request["object"]["spec"]["metrics"][0]["resource"]["target"] == {
            "type": "Utilization",
            "averageUtilization": 50,
        }


async def test_connections_to_pods_are_asked_about(cluster: TestCluster, tmp_path: Path) -> None:
    await ask(cluster, "POST", PODS, pod("p", nodeName="n1"))
    async with https_server(tmp_path, review_answers(lambda _: denied("no shells"))) as server:
        ways = ("attach", "exec", "portforward", "proxy")
        rules = [rule(f"pods/{sub}", "CONNECT") for sub in ways]
        await register(cluster, VALIDATING, "v", hook(server, *rules))
        upgrade = {"upgrade": "websocket"}
        attach = await ask(cluster, "POST", f"{PODS}/p/attach", None, upgrade, stdout="1")
        assert attach.message == 'admission webhook "a.example.com" denied the request: no shells'
        await cluster.transport.request(
            "POST",
            f"{PODS}/p/exec",
            {"command": "ls", "stdout": "true", "container": "main"},
            upgrade,
            b"",
        )
        await ask(cluster, "POST", f"{PODS}/p/portforward", None, upgrade, ports="80")
        await ask(cluster, "GET", f"{PODS}/p/proxy/x/y")
        requests = [asked.json["request"] for asked in server.asked]
        assert [(r["operation"], r["subResource"], r["name"]) for r in requests] == [
            ("CONNECT", sub, "p") for sub in ways
        ]
        assert [r["object"] for r in requests] == [
            {"kind": "PodAttachOptions", "apiVersion": "v1", "stdout": True},
            {
                "kind": "PodExecOptions",
                "apiVersion": "v1",
                "stdout": True,
                "container": "main",
                "command": ["ls"],
            },
            {"kind": "PodPortForwardOptions", "apiVersion": "v1", "ports": [80]},
            {"kind": "PodProxyOptions", "apiVersion": "v1", "path": "/x/y"},
        ]


async def test_subresources_are_shown_as_what_they_are(
    cluster: TestCluster, tmp_path: Path
) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("d"))
    await ask(cluster, "POST", PODS, pod("p"))
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        rules = [
            rule("deployments/scale", group="apps"),
            rule("pods/binding"),
            rule("pods/eviction"),
            rule("serviceaccounts/token"),
            rule("deployments/status", group="apps"),
        ]
        await register(cluster, VALIDATING, "v", hook(server, *rules))
        merge = {"content-type": "application/merge-patch+json"}
        scale = {"spec": {"replicas": 5}}
        replies = [
            await ask(cluster, "PATCH", f"{DEPLOYMENTS}/d/scale", scale, merge),
            await ask(cluster, "POST", f"{PODS}/p/binding", {"target": {"name": "n"}}),
            await ask(cluster, "POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}}),
            await ask(
                cluster, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {}
            ),
            await ask(
                cluster, "PATCH", f"{DEPLOYMENTS}/d/status", {"status": {"replicas": 1}}, merge
            ),
        ]
        assert [reply.status for reply in replies] == [400] * 5
        requests = [asked.json["request"] for asked in server.asked]
        assert [(r["operation"], r["kind"]["kind"], r["object"]["kind"]) for r in requests] == [
            ("UPDATE", "Scale", "Scale"),
            ("CREATE", "Binding", "Binding"),
            ("CREATE", "Eviction", "Eviction"),
            ("CREATE", "TokenRequest", "TokenRequest"),
            ("UPDATE", "Deployment", "Deployment"),
        ]
        assert requests[0]["object"]["spec"] == {"replicas": 5}
        assert requests[0]["oldObject"]["spec"] == {"replicas": 1}
        assert (await ask(cluster, "GET", f"{PODS}/p")).status == 200


async def test_configurations_of_admission_are_never_asked_about(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        everything = {
            "operations": ["*"],
            "apiGroups": ["*"],
            "apiVersions": ["*"],
            "resources": ["*/*"],
        }
        await register(cluster, VALIDATING, "v", hook(server, everything))
        await register(cluster, MUTATING, "m", hook(server, everything))
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 400
        assert (await ask(cluster, "DELETE", f"{MUTATING}/m")).status == 200
        assert (await ask(cluster, "DELETE", f"{VALIDATING}/v")).status == 200
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201


async def test_a_configuration_counts_as_soon_as_it_is_written(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        for number in range(10):
            one = hook(server, rule("configmaps", "CREATE"), name=f"n{number}.example.com")
            await register(cluster, VALIDATING, f"v{number}", one, labels={"set": "a"})
        listed = await ask(cluster, "GET", VALIDATING, labelSelector="set=a")
        assert len(listed.body["items"]) == 10
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 400
        await ask(cluster, "DELETE", VALIDATING, labelSelector="set=a")
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201

        one = hook(server, rule("configmaps", "UPDATE"))
        await register(cluster, VALIDATING, "v", one)
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("y"))).status == 201
        patch = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
        json_patch = {"content-type": "application/json-patch+json"}
        assert (await ask(cluster, "PATCH", f"{VALIDATING}/v", patch, json_patch)).status == 200
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("z"))).status == 400


async def test_custom_resources_and_definitions_may_be_denied(
    cluster: TestCluster, tmp_path: Path
) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version],
        },
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    things = "/apis/example.com/v1/namespaces/default/things"

    def judge(request: Any) -> dict[str, Any]:
        shown = request["object"] or request["oldObject"]
        return denied() if shown.get("bad") else allowed()

    async with https_server(tmp_path, review_answers(judge)) as server:
        assert (await ask(cluster, "POST", definitions, definition)).status == 201
        await register(cluster, VALIDATING, "v", hook(server, rule("things", group="example.com")))
        thing = {"kind": "Thing", "apiVersion": "example.com/v1", "metadata": {"name": "t"}}
        assert (await ask(cluster, "POST", things, thing | {"bad": 1})).status == 400
        made = await ask(cluster, "POST", things, thing)
        assert made.status == 201
        assert (await ask(cluster, "PUT", f"{things}/t", made.body | {"bad": 1})).status == 400
        assert (await ask(cluster, "DELETE", f"{things}/t")).status == 200

    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        crds = rule("customresourcedefinitions", "CREATE", group="apiextensions.k8s.io")
        await register(cluster, VALIDATING, "w", hook(server, crds))
        definition["metadata"] = {"name": "others.example.com"}
        definition["spec"]["names"] = {"plural": "others", "kind": "Other"}
        assert (await ask(cluster, "POST", definitions, definition)).status == 400


async def test_a_service_is_asked_at_its_ready_endpoint(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        one = hook(server, rule("configmaps", "CREATE"))
        one["clientConfig"] = {
            "service": {"name": "hook", "namespace": "default", "port": 8443, "path": "/x"},
            "caBundle": server.bundle,
        }
        await register(cluster, VALIDATING, "v", one)
        url = "https://hook.default.svc:8443/x?timeout=10s"
        call = 'Internal error occurred: failed calling webhook "a.example.com": '
        call += f'failed to call webhook: Post "{url}": '
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        assert (refused.status, refused.message) == (500, call + 'service "hook" not found')
        service = {"metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}}
        services = "/api/v1/namespaces/default/services"
        await ask(cluster, "POST", services, service)
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        assert refused.message == call + 'no service port 8443 found for service "hook"'
        patch = {"spec": {"ports": [{"port": 8443, "name": "web"}]}}
        merge = {"content-type": "application/merge-patch+json"}
        await ask(cluster, "PATCH", f"{services}/hook", patch, merge)
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        assert refused.message == call + 'no endpoints available for service "hook"'
        await serve_at(cluster, "hook", "web", server.port)
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        assert refused.status == 400
        assert dict(server.asked[0].headers)["host"] == "hook.default.svc:8443"


async def serve_at(cluster: TestCluster, service: str, port_name: str, port: int) -> None:
    """Make loopback the endpoint of a Service."""
    endpoint_slice = {
        "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"]}],
        "ports": [{"name": port_name, "port": port}],
    }
    where = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    assert (await ask(cluster, "POST", where, endpoint_slice)).status == 201


async def test_all_are_asked_at_once(cluster: TestCluster, tmp_path: Path) -> None:
    together = asyncio.Event()
    waiting = []

    async def answers(asked: Asked) -> bytes:
        waiting.append(asked)
        if len(waiting) == 3:
            together.set()
        await together.wait()
        uid = asked.json["request"]["uid"]
        return http(200, {**asked.json, "response": {"uid": uid, "allowed": True}})

    async with https_server(tmp_path, answers) as server:
        hooks = [hook(server, rule("configmaps"), name=f"n{i}.example.com") for i in range(3)]
        await register(cluster, VALIDATING, "v", *hooks)
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201


async def test_v1beta1_is_spoken_to_who_knows_nothing_else(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async def answers(asked: Asked) -> bytes:
        assert asked.json["apiVersion"] == "admission.k8s.io/v1beta1"
        return http(200, {"response": {"allowed": False}})  # neither kind nor uid

    async with https_server(tmp_path, answers) as server:
        one = hook(server, rule("configmaps"), admissionReviewVersions=["v2", "v1beta1"])
        await register(cluster, VALIDATING, "v", one)
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"name": "short"},
            'webhooks[0].name: Invalid value: "short": should be a domain with at least three '
            "segments separated by dots",
        ),
        (
            {"sideEffects": "Some"},
            'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", '
            '"NoneOnDryRun"',
        ),
        (
            {"timeoutSeconds": 31},
            "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 "
            "and 30 seconds",
        ),
        (
            {"clientConfig": {"url": "http://h/x"}},
            "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed "
            "URL scheme; desired format: https://host[/path]",
        ),
        (
            {"clientConfig": {}},
            "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
        ),
        (
            {"admissionReviewVersions": ["v3"]},
            'webhooks[0].admissionReviewVersions: Invalid value: ["v3"]: must '
            "include at least one of v1, v1beta1",
        ),
    ],
)
async def test_bad_configurations_are_refused(
    cluster: TestCluster, change: dict[str, Any], message: str
) -> None:
    good = {
        "name": "a.example.com",
        "rules": [rule("configmaps")],
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
    }
    for where, kind in (
        (VALIDATING, "ValidatingWebhookConfiguration"),
        (MUTATING, "MutatingWebhookConfiguration"),
    ):
        body = {"metadata": {"name": "c"}, "webhooks": [good | change]}
        refused = await ask(cluster, "POST", where, body)
        told = f'{kind}.admissionregistration.k8s.io "c" is invalid: {message}'
        assert (refused.status, refused.message) == (422, told)
