"""What a ValidatingAdmissionPolicy is about: conditions, selectors, scopes and parameters."""

from __future__ import annotations

from grappe.api.resources import (
    CONFIG_MAPS,
    NAMESPACES,
)
from grappe.apiserver.http.messages import User
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.policies import (
    config_map,
    kind,
    matching,
    refusal,
    validate,
)

DEPLOYMENTS = kind("Deployment", "apps/v1")


async def test_match_conditions_narrow_a_policy(cluster: TestCluster) -> None:
    conditions = [
        {"name": "named", "expression": "object.metadata.name.startsWith('x')"},
        {"name": "not-ann", "expression": "request.userInfo.username != 'ann'"},
    ]
    await validate(cluster, "false", matchConditions=conditions)
    await cluster.client.create(CONFIG_MAPS, config_map("a"))
    await refusal(cluster.client.create(CONFIG_MAPS, config_map("x")))
    ann = cluster.client_of(User("ann", ("system:masters",)))
    await ann.create(CONFIG_MAPS, config_map("x"))


async def labelled(cluster: TestCluster, name: str, **labels: str) -> None:
    await cluster.client.create(NAMESPACES, {"metadata": {"name": name, "labels": labels}})


async def test_namespaces_and_objects_are_selected_by_labels(cluster: TestCluster) -> None:
    await labelled(cluster, "prod", env="prod")
    await validate(
        cluster,
        "namespaceObject.metadata.labels.env == 'none'",
        match=matching(
            namespaceSelector={"matchLabels": {"env": "prod"}},
            objectSelector={"matchExpressions": [{"key": "free", "operator": "DoesNotExist"}]},
        ),
    )
    await cluster.client.create(CONFIG_MAPS, config_map())
    await refusal(cluster.client.create(CONFIG_MAPS, config_map(namespace="prod")))
    free = config_map(namespace="prod")
    free["metadata"]["labels"] = {"free": "yes"}
    await cluster.client.create(CONFIG_MAPS, free)


async def test_bindings_and_exclusions_narrow_too(cluster: TestCluster) -> None:
    await labelled(cluster, "test", env="test")
    excluded = [
        {
            "apiGroups": [""],
            "apiVersions": ["*"],
            "operations": ["*"],
            "resources": ["configmaps"],
            "resourceNames": ["spared"],
        }
    ]
    await validate(
        cluster,
        "false",
        match=matching("*", excludeResourceRules=excluded),
        binding={"matchResources": {"namespaceSelector": {"matchLabels": {"env": "test"}}}},
    )
    await cluster.client.create(CONFIG_MAPS, config_map())
    await cluster.client.create(CONFIG_MAPS, config_map("spared", "test"))
    await refusal(cluster.client.create(CONFIG_MAPS, config_map("a", "test")))


async def test_rules_speak_of_scopes_and_subresources(cluster: TestCluster) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["*"]}
    await validate(cluster, "false", match={"resourceRules": [{**rule, "scope": "Cluster"}]})
    await cluster.client.create(CONFIG_MAPS, config_map())
    await refusal(cluster.client.create(NAMESPACES, {"metadata": {"name": "n"}}))


async def test_scaling_is_a_write_of_its_own(cluster: TestCluster) -> None:
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    obj = {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}
    await cluster.client.create(DEPLOYMENTS, obj)
    await validate(
        cluster,
        "object.spec.replicas <= 5",
        match=matching("deployments/scale", "apps"),
    )
    path = "/apis/apps/v1/namespaces/default/deployments/web/scale"
    headers = {"content-type": "application/merge-patch+json"}
    assert (await ask(cluster, "PATCH", path, {"spec": {"replicas": 6}}, headers)).status == 422
    assert (await ask(cluster, "PATCH", path, {"spec": {"replicas": 5}}, headers)).status == 200


PARAMS = {"apiVersion": "v1", "kind": "ConfigMap"}


async def test_parameters_come_from_a_named_object(cluster: TestCluster) -> None:
    await labelled(cluster, "rules")
    await cluster.client.create(CONFIG_MAPS, config_map("limits", "rules", most="2"))
    await validate(
        cluster,
        "object.data.size() <= int(params.data.most)",
        paramKind=PARAMS,
        match=matching(
            namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "default"}}
        ),
        binding={
            "paramRef": {
                "name": "limits",
                "namespace": "rules",
                "parameterNotFoundAction": "Deny",
            }
        },
    )
    await cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    await refusal(cluster.client.create(CONFIG_MAPS, config_map("b", a="1", b="2", c="3")))
    await cluster.client.delete(CONFIG_MAPS, "limits", "rules")
    error = await refusal(cluster.client.create(CONFIG_MAPS, config_map("b", a="1")))
    assert error.message.endswith(
        "denied request: failed to configure binding: no params found for policy binding with "
        "`Deny` parameterNotFoundAction"
    )


async def test_parameters_may_be_selected_or_missing(cluster: TestCluster) -> None:
    await validate(
        cluster,
        "object.data.a != params.data.bad",
        paramKind=PARAMS,
        binding={
            "paramRef": {
                "selector": {"matchLabels": {"use": "it"}},
                "parameterNotFoundAction": "Allow",
            }
        },
    )
    await cluster.client.create(CONFIG_MAPS, config_map("free", a="x"))
    for name, bad in (("one", "x"), ("two", "y")):
        obj = config_map(name, a="z", bad=bad)
        obj["metadata"]["labels"] = {"use": "it"}
        await cluster.client.create(CONFIG_MAPS, obj)
    await cluster.client.create(CONFIG_MAPS, config_map("ok", a="q"))
    for value in ("x", "y"):
        await refusal(cluster.client.create(CONFIG_MAPS, config_map("no", a=value)))
