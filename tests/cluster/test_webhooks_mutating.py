"""Mutating admission webhooks, asked over TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    hook,
    patching,
    register,
    review_answers,
    rule,
)
from tests.cluster.https_servers import Asked, http, https_server


def stages(request: Any) -> dict[str, Any]:
    """Adds the next stage's key once the one before is there."""
    data = request["object"].get("data") or {}
    for before, after in (("start", "stage-1"), ("stage-1", "stage-2")):
        if before in data and after not in data:
            return patching({"op": "add", "path": f"/data/{after}", "value": "yes"})
    return allowed()


async def test_webhooks_change_what_is_written_in_their_order(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(stages)) as server:
        hooks = [hook(server, rule("configmaps"), name=f"n{i}.example.com") for i in (1, 2)]
        await register(cluster, MUTATING, "m", *hooks)
        made = await ask(cluster, "POST", CONFIG_MAPS, config_map("x", {"start": "yes"}))
        assert made.body["data"] == {"start": "yes", "stage-1": "yes", "stage-2": "yes"}
        assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/x")).body["data"] == made.body["data"]


async def test_what_a_webhook_adds_is_defaulted(cluster: TestCluster, tmp_path: Path) -> None:
    added = [{"name": "first", "image": "i:1"}]
    patch = patching({"op": "add", "path": "/spec/initContainers", "value": added})
    async with https_server(tmp_path, review_answers(lambda _: patch)) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("pods", "CREATE")))
        made = (await ask(cluster, "POST", PODS, pod("p"))).body
        container = made["spec"]["initContainers"][0]
        assert container["terminationMessagePolicy"] == "File"
        assert container["imagePullPolicy"] == "IfNotPresent"


async def test_built_in_plugins_see_what_webhooks_added(
    cluster: TestCluster, tmp_path: Path
) -> None:
    """The service account's token reaches a container that only a webhook brought."""
    sidecar = {"name": "sidecar", "image": "i:1"}

    def inject(request: Any) -> dict[str, Any]:
        if len(request["object"]["spec"]["containers"]) == 2:
            return allowed()
        return patching({"op": "add", "path": "/spec/containers/-", "value": sidecar})

    async with https_server(tmp_path, review_answers(inject)) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("pods", "CREATE")))
        made = (await ask(cluster, "POST", PODS, pod("p"))).body
        mounts = [c.get("volumeMounts", []) for c in made["spec"]["containers"]]
        assert len(mounts) == 2
        assert mounts[0] == mounts[1] != []
        assert len(server.asked) == 1


async def test_reinvocation_is_for_who_asked_for_it(cluster: TestCluster, tmp_path: Path) -> None:
    def judge(request: Any) -> dict[str, Any]:
        count = int((request["object"].get("data") or {}).get("count", "0"))
        return patching({"op": "add", "path": "/data/count", "value": str(count + 1)})

    async with https_server(tmp_path, review_answers(judge)) as server:
        await register(
            cluster,
            MUTATING,
            "m",
            hook(
                server,
                rule("configmaps"),
                name="again.example.com",
                path="/again",
                reinvocationPolicy="IfNeeded",
            ),
            hook(server, rule("configmaps"), name="once.example.com", path="/once"),
        )
        made = await ask(cluster, "POST", CONFIG_MAPS, config_map("x", {"a": "b"}))
        assert made.body["data"]["count"] == "3"
        assert [asked.path.partition("?")[0] for asked in server.asked] == [
            "/again",
            "/once",
            "/again",
        ]


async def test_nobody_is_asked_again_where_nothing_changed(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: allowed())) as server:
        hooks = [
            hook(
                server, rule("configmaps"), name=f"n{i}.example.com", reinvocationPolicy="IfNeeded"
            )
            for i in (1, 2)
        ]
        await register(cluster, MUTATING, "m", *hooks)
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201
        assert len(server.asked) == 2


async def test_validation_comes_after_and_sees_the_change(
    cluster: TestCluster, tmp_path: Path
) -> None:
    patch = patching({"op": "add", "path": "/metadata/labels", "value": {"by": "hook"}})
    wrong = patching({"op": "add", "path": "/metadata/labels", "value": {"by": "not valid!"}})
    answers = iter((patch, allowed(), wrong))
    async with https_server(tmp_path, review_answers(lambda _: next(answers))) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("configmaps")))
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201
        seen = server.asked[1].json["request"]["object"]
        assert seen["metadata"]["labels"] == {"by": "hook"}
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("y"))
        assert (refused.status, len(server.asked)) == (422, 3)


async def test_custom_resources_are_changed_and_pruned(
    cluster: TestCluster, tmp_path: Path
) -> None:
    properties = {"data": {"type": "object", "properties": {"known": {"type": "string"}}}}
    schema = {"type": "object", "properties": properties}
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
    await ask(
        cluster, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition
    )
    patch = patching(
        {"op": "add", "path": "/data/known", "value": "yes"},
        {"op": "add", "path": "/data/unknown", "value": "yes"},
    )
    async with https_server(tmp_path, review_answers(lambda _: patch)) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("things", group="example.com")))
        thing = {
            "kind": "Thing",
            "apiVersion": "example.com/v1",
            "metadata": {"name": "t"},
            "data": {},
        }
        things = "/apis/example.com/v1/namespaces/default/things"
        made = await ask(cluster, "POST", things, thing)
        assert made.body["data"] == {"known": "yes"}


async def test_a_scale_is_changed_as_a_scale(cluster: TestCluster, tmp_path: Path) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("d"))
    patch = patching({"op": "replace", "path": "/spec/replicas", "value": 3})
    async with https_server(tmp_path, review_answers(lambda _: patch)) as server:
        await register(
            cluster, MUTATING, "m", hook(server, rule("deployments/scale", group="apps"))
        )
        merge = {"content-type": "application/merge-patch+json"}
        body = {"spec": {"replicas": 9}}
        scaled = await ask(cluster, "PATCH", f"{DEPLOYMENTS}/d/scale", body, merge)
        assert scaled.body["spec"]["replicas"] == 3


async def test_an_equivalent_version_is_changed_and_comes_back(
    cluster: TestCluster, tmp_path: Path
) -> None:
    scaler = {
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 2},
    }
    patch = patching({"op": "replace", "path": "/spec/maxReplicas", "value": 7})
    wanted = rule("horizontalpodautoscalers", group="autoscaling", version="v2")
    async with https_server(tmp_path, review_answers(lambda _: patch)) as server:
        await register(cluster, MUTATING, "m", hook(server, wanted))
        v1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
        made = await ask(cluster, "POST", v1, scaler)
        assert (made.body["apiVersion"], made.body["spec"]["maxReplicas"]) == ("autoscaling/v1", 7)


async def test_patches_that_do_not_fit_are_told(cluster: TestCluster, tmp_path: Path) -> None:
    answers = iter(
        (
            patching({"op": "remove", "path": "/data/not-there"}),
            patching({"op": "replace", "path": "/kind", "value": "Secret"}),
            patching({"op": "add", "path": "/data", "value": "text"}),
            patching({"op": "add", "path": "/data", "value": {}}),
        )
    )
    async with https_server(tmp_path, review_answers(lambda _: next(answers))) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("configmaps")))
        for _ in range(3):
            refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
            assert (refused.status, refused.body["reason"]) == (500, "InternalError")
        await ask(cluster, "DELETE", f"{MUTATING}/m")
        await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        await register(cluster, MUTATING, "m", hook(server, rule("configmaps", "DELETE")))
        refused = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/x")
        assert refused.message == (
            'Internal error occurred: admission webhook "a.example.com" attempted to modify the '
            "object, which is not supported for this operation"
        )


async def test_patch_and_type_belong_together(cluster: TestCluster, tmp_path: Path) -> None:
    answers = iter(
        (
            {"allowed": True, "patch": "W10="},
            {"allowed": True, "patchType": "JSONPatch"},
            {"allowed": True, "patch": "W10=", "patchType": "Merge"},
            {"allowed": True, "patch": "W10=", "patchType": "JSONPatch"},
        )
    )
    async with https_server(tmp_path, review_answers(lambda _: next(answers))) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("configmaps")))
        replies = [await ask(cluster, "POST", CONFIG_MAPS, config_map("x")) for _ in range(4)]
        told = (
            'Internal error occurred: failed calling webhook "a.example.com": received invalid '
            "webhook response: webhook returned "
        )
        assert [reply.body.get("message") for reply in replies] == [
            told + "response.patch but not response.patchType",
            told + "response.patchType but not response.patch",
            told + 'invalid response.patchType of "Merge"',
            None,
        ]


async def test_server_side_apply_goes_through_webhooks(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(stages)) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("configmaps")))
        applied = await ask(
            cluster,
            "PATCH",
            f"{CONFIG_MAPS}/x",
            config_map("x", {"start": "yes"}),
            {"content-type": "application/apply-patch+yaml"},
            fieldManager="me",
        )
        assert applied.body["data"] == {"start": "yes", "stage-1": "yes"}
        assert [asked.json["request"]["operation"] for asked in server.asked] == ["CREATE"]


async def test_a_write_that_loses_a_race_is_asked_about_again(
    cluster: TestCluster, tmp_path: Path
) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("x", {"n": "0"}))
    merge = {"content-type": "application/merge-patch+json"}
    raced = False

    async def answers(asked: Asked) -> bytes:
        nonlocal raced
        request = asked.json["request"]
        if not raced:
            raced = True
            other = {"data": {"other": "1"}}
            await ask(cluster, "PATCH", f"{CONFIG_MAPS}/x", other, merge, fieldManager="o")
        response = {"uid": request["uid"], **allowed()}
        return http(200, {**asked.json, "response": response})

    async with https_server(tmp_path, answers) as server:
        await register(cluster, MUTATING, "m", hook(server, rule("configmaps")))
        patched = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/x", {"data": {"n": "1"}}, merge)
        assert patched.body["data"] == {"n": "1", "other": "1"}
        assert len(server.asked) == 3
