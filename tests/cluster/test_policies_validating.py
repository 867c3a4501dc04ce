"""ValidatingAdmissionPolicies, seen by clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from grappe.api.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    Resource,
)
from grappe.apiserver.http.messages import User
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.policies import (
    VALIDATING,
    VALIDATING_BINDING,
    config_map,
    kind,
    matching,
    refusal,
    validate,
)
from tests.cluster.test_crd_rules import SPEC, definition


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_a_policy_refuses_what_its_expression_forbids(cluster: TestCluster) -> None:
    await validate(cluster, "object.data.a == 'good'")
    await cluster.client.create(CONFIG_MAPS, config_map(a="good"))
    error = await refusal(cluster.client.create(CONFIG_MAPS, config_map("b", a="bad")))
    told = (
        "ValidatingAdmissionPolicy 'policy' with binding 'policy' denied request: failed "
        "expression: object.data.a == 'good'"
    )
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.message == f'configmaps "b" is forbidden: {told}'
    assert error.details == {"name": "b", "kind": "configmaps", "causes": [{"message": told}]}


@pytest.mark.parametrize(
    ("validation", "code", "told"),
    [
        ({"message": "no", "reason": "Forbidden"}, 403, "no"),
        ({"messageExpression": "'not ' + object.data.a"}, 422, "not bad"),
        ({"message": "plain", "messageExpression": "object.data.nope"}, 422, "plain"),
        ({"message": "plain", "messageExpression": "'a\\nb'"}, 422, "plain"),
        ({"reason": "Unauthorized"}, 401, "failed expression: object.data.a != 'bad'"),
        ({"reason": "RequestEntityTooLarge"}, 413, "failed expression: object.data.a != 'bad'"),
    ],
)
async def test_messages_and_reasons(
    cluster: TestCluster, validation: dict[str, str], code: int, told: str
) -> None:
    await validate(cluster, {"expression": "object.data.a != 'bad'", **validation})
    error = await refusal(cluster.client.create(CONFIG_MAPS, config_map(a="bad")))
    assert (error.code, error.message.partition("denied request: ")[2]) == (code, told)


async def test_a_policy_counts_from_its_commit_and_until_it_goes(cluster: TestCluster) -> None:
    await cluster.client.create(CONFIG_MAPS, config_map("before"))
    await validate(cluster, "false")
    await refusal(cluster.client.create(CONFIG_MAPS, config_map()))
    await cluster.client.delete(VALIDATING_BINDING, "policy")
    await cluster.client.create(CONFIG_MAPS, config_map())
    bound = {"policyName": "policy", "validationActions": ["Deny"]}
    await cluster.client.create(VALIDATING_BINDING, {"metadata": {"name": "again"}, "spec": bound})
    await refusal(cluster.client.create(CONFIG_MAPS, config_map("b")))
    live = await cluster.client.get(VALIDATING, "policy")
    live["spec"]["validations"][0]["expression"] = "object.metadata.name == 'b'"
    await cluster.client.update(VALIDATING, live)
    await cluster.client.create(CONFIG_MAPS, config_map("b"))
    await cluster.client.delete(VALIDATING, "policy")
    await cluster.client.create(CONFIG_MAPS, config_map("c"))


async def test_policies_are_there_again_after_a_restart(cluster: TestCluster) -> None:
    from grappe.testing.cluster import running_cluster

    await validate(cluster, "false")
    async with running_cluster(store=cluster.store) as other:
        await refusal(other.client.create(CONFIG_MAPS, config_map()))


async def test_updates_deletions_and_patches_are_asked_about(cluster: TestCluster) -> None:
    await cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    await validate(
        cluster,
        "request.operation != 'UPDATE' || object.data.a >= oldObject.data.a",
        "request.operation != 'DELETE' || oldObject.data.a == '3'",
        match=matching(operations=("UPDATE", "DELETE")),
    )
    path = "/api/v1/namespaces/default/configmaps/a"
    headers = {"content-type": "application/merge-patch+json"}
    assert (await ask(cluster, "PATCH", path, {"data": {"a": "0"}}, headers)).status == 422
    assert (await ask(cluster, "PATCH", path, {"data": {"a": "2"}}, headers)).status == 200
    assert (await ask(cluster, "DELETE", path)).status == 422
    assert (await ask(cluster, "PATCH", path, {"data": {"a": "3"}}, headers)).status == 200
    assert (await ask(cluster, "DELETE", path)).status == 200


async def test_a_dry_run_is_refused_too(cluster: TestCluster) -> None:
    await validate(cluster, "false")
    path = "/api/v1/namespaces/default/configmaps"
    assert (await ask(cluster, "POST", path, config_map(), dryRun="All")).status == 422


async def test_warn_and_audit_let_requests_pass(cluster: TestCluster) -> None:
    await validate(cluster, "false", binding={"validationActions": ["Warn", "Audit"]})
    answer = await ask(cluster, "POST", "/api/v1/namespaces/default/configmaps", config_map())
    assert answer.status == 201
    assert answer.headers["Warning"] == (
        "299 - \"Validation failed for ValidatingAdmissionPolicy 'policy' with binding 'policy': "
        'failed expression: false"'
    )


async def test_variables_are_evaluated_when_asked_for(cluster: TestCluster) -> None:
    await validate(
        cluster,
        "variables.data.size() < variables.limit",
        "!has(object.data.x) || variables.broken == 1",
        variables=[
            {"name": "data", "expression": "has(object.data) ? object.data : {}"},
            {"name": "limit", "expression": "variables.data.size() > 9 ? 0 : 2"},
            {"name": "broken", "expression": "object.data.nope"},
        ],
    )
    await cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    error = await refusal(cluster.client.create(CONFIG_MAPS, config_map("b", a="1", b="2")))
    assert "failed expression: variables.data.size() < variables.limit" in error.message
    error = await refusal(cluster.client.create(CONFIG_MAPS, config_map("c", x="1")))
    assert error.message.endswith(
        "expression '!has(object.data.x) || variables.broken == 1' resulted in error: composited "
        'variable "broken" fails to evaluate: no such key: nope'
    )


@pytest.mark.parametrize(("failure", "passes"), [("Fail", False), ("Ignore", True)])
async def test_the_failure_policy_decides_what_cannot_be_evaluated(
    cluster: TestCluster, failure: str, passes: bool
) -> None:
    await validate(cluster, "object.data.nope == 1", failurePolicy=failure)
    made = cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    if passes:
        await made
    else:
        error = await refusal(made)
        assert error.message.endswith(
            "expression 'object.data.nope == 1' resulted in error: no such key: nope"
        )


async def test_an_expression_that_explodes_is_stopped(cluster: TestCluster) -> None:
    source = "object.data.all(a, object.data.all(b, object.data.all(c, a + b + c != '')))"
    await validate(cluster, source)
    data = {f"k{i}": "" for i in range(300)}
    error = await refusal(cluster.client.create(CONFIG_MAPS, config_map(**data)))
    assert error.message.endswith(
        f"expression '{source}' resulted in error: operation cancelled: actual cost limit exceeded"
    )


async def test_custom_resources_are_objects_and_parameters(cluster: TestCluster) -> None:
    await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(SPEC))
    tabs = Resource("example.com", "v1", "crontabs", "CronTab")
    tab = {"metadata": {"name": "t", "namespace": "default"}, "spec": {"replicas": 3}}
    await cluster.client.create(tabs, tab)
    await validate(
        cluster,
        "object.spec.replicas < params.spec.replicas",
        paramKind={"apiVersion": "example.com/v1", "kind": "CronTab"},
        match=matching("crontabs", "example.com"),
        binding={"paramRef": {"name": "t", "parameterNotFoundAction": "Deny"}},
    )
    for replicas, passes in ((2, True), (3, False)):
        obj = {"metadata": {"name": f"r{replicas}", "namespace": "default"}}
        made = cluster.client.create(tabs, {**obj, "spec": {"replicas": replicas}})
        if passes:
            await made
        else:
            await refusal(made)


async def test_the_authorizer_can_be_asked(cluster: TestCluster) -> None:
    await validate(
        cluster,
        "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()"
        " && authorizer.requestResource.check('delete').allowed()",
    )
    role = {
        "metadata": {"name": "maker", "namespace": "default"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}],
    }
    binding = {
        "metadata": {"name": "maker", "namespace": "default"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"},
        "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    rbac = "rbac.authorization.k8s.io/v1"
    await cluster.client.create(kind("Role", rbac), role)
    await cluster.client.create(kind("RoleBinding", rbac), binding)
    await cluster.client.create(CONFIG_MAPS, config_map())
    bob = cluster.client_of(User("bob", ("system:authenticated",)))
    error = await refusal(bob.create(CONFIG_MAPS, config_map("b")))
    assert error.code == 422


async def test_policies_cannot_lock_themselves_in(cluster: TestCluster) -> None:
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    await validate(cluster, "false", match={"resourceRules": [rule]})
    await refusal(cluster.client.create(CONFIG_MAPS, config_map()))
    await cluster.client.delete(VALIDATING, "policy")
    await cluster.client.create(CONFIG_MAPS, config_map())


async def test_the_status_tells_of_type_errors(cluster: TestCluster) -> None:
    await validate(
        cluster,
        "object.spec.replicas > '1'",
        "object.spec.nope == 1",
        "object.spec.replicas > 1",
        match=matching("deployments", "apps"),
    )

    async def checked() -> bool:
        found = await cluster.client.get(VALIDATING, "policy")
        return bool((found.get("status") or {}).get("observedGeneration") == 1)

    await until(checked)
    status = (await cluster.client.get(VALIDATING, "policy"))["status"]
    assert status["typeChecking"]["expressionWarnings"] == [
        {
            "fieldRef": "spec.validations[0].expression",
            "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload "
            "for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n"
            " | .....................^\n",
        },
        {
            "fieldRef": "spec.validations[1].expression",
            "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'nope'\n"
            " | object.spec.nope == 1\n | ...........^\n",
        },
    ]
    live = await cluster.client.get(VALIDATING, "policy")
    live["spec"]["validations"] = [{"expression": "object.spec.replicas > 1"}]
    await cluster.client.update(VALIDATING, live)

    async def clean() -> bool:
        status = (await cluster.client.get(VALIDATING, "policy"))["status"]
        return status.get("observedGeneration") == 2 and not status["typeChecking"]

    await until(clean)


async def test_expressions_are_checked_against_custom_schemas_too(cluster: TestCluster) -> None:
    await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(SPEC))
    await validate(
        cluster,
        "object.spec.replicas == 'x'",
        "object.spec.replicas < 5",
        match=matching("crontabs", "example.com"),
    )

    async def warned() -> bool:
        status = (await cluster.client.get(VALIDATING, "policy")).get("status") or {}
        return bool((status.get("typeChecking") or {}).get("expressionWarnings"))

    await until(warned)
    status = (await cluster.client.get(VALIDATING, "policy"))["status"]
    (warning,) = status["typeChecking"]["expressionWarnings"]
    assert warning["fieldRef"] == "spec.validations[0].expression"
    assert warning["warning"].startswith(
        "example.com/v1, Kind=CronTab: ERROR: <input>:1:22: found no matching overload for '_==_'"
    )


@pytest.mark.parametrize(
    ("plural", "spec"),
    [
        ("validatingadmissionpolicies", {"validations": [{"expression": "true"}]}),
        (
            "mutatingadmissionpolicies",
            {
                "reinvocationPolicy": "Never",
                "mutations": [
                    {
                        "patchType": "ApplyConfiguration",
                        "applyConfiguration": {"expression": "Object{}"},
                    }
                ],
            },
        ),
    ],
)
async def test_policies_support_every_operation(
    cluster: TestCluster, plural: str, spec: dict[str, Any]
) -> None:
    path = f"/apis/admissionregistration.k8s.io/v1/{plural}"
    merge = {"content-type": "application/merge-patch+json"}
    groups = await ask(cluster, "GET", "/apis/admissionregistration.k8s.io/v1")
    assert plural in {found["name"] for found in groups.body["resources"]}
    for name in ("a", "b"):
        obj = {
            "metadata": {"name": name, "labels": {"of": "test"}},
            "spec": {"matchConstraints": matching(), **spec},
        }
        made = await ask(cluster, "POST", path, obj)
        assert (made.status, made.body["spec"]["failurePolicy"]) == (201, "Fail")
    patched = await ask(
        cluster, "PATCH", f"{path}/a", {"metadata": {"annotations": {"x": "y"}}}, merge
    )
    assert patched.body["metadata"]["annotations"] == {"x": "y"}
    patched.body["metadata"].pop("resourceVersion")
    patched.body["spec"]["failurePolicy"] = "Ignore"
    put = await ask(cluster, "PUT", f"{path}/a", patched.body)
    assert (put.status, put.body["metadata"]["generation"]) == (200, 2)
    if plural.startswith("validating"):
        condition = {
            "type": "Checked",
            "status": "True",
            "reason": "Test",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status = {"status": {"conditions": [condition]}}
        written = await ask(cluster, "PATCH", f"{path}/a/status", status, merge)
        assert written.body["status"]["conditions"] == [condition]
    assert (await ask(cluster, "DELETE", path, labelSelector="of=test")).status == 200
    assert (await ask(cluster, "GET", path)).body["items"] == []


async def test_the_options_of_a_request_are_seen_as_webhooks_see_them(cluster: TestCluster) -> None:
    await validate(
        cluster,
        "request.options.kind == request.operation.substring(0, 1) + "
        "request.operation.substring(1).lowerAscii() + 'Options'",
        "request.options.?fieldManager.orValue('') == 'me' && !has(request.options.dryRun)",
        "request.options.?fieldValidation.orValue('') == 'Strict'",
        match=matching(operations=("CREATE", "UPDATE")),
    )
    path = "/api/v1/namespaces/default/configmaps"
    query = {"fieldManager": "me", "fieldValidation": "Strict"}
    refused = await ask(cluster, "POST", path, config_map())
    assert refused.status == 422
    refused = await ask(cluster, "POST", path, config_map(), **query, dryRun="All")
    assert refused.status == 422
    assert (await ask(cluster, "POST", path, config_map(), **query)).status == 201
    changed = config_map(a="b")
    assert (await ask(cluster, "PUT", f"{path}/a", changed, **query)).status == 200
