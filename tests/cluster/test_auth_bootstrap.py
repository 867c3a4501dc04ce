"""A node that joins: a bootstrap token, a certificate approved by itself, and what cleans up."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from grappe import controllers
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, SECRETS, builtin_kind
from grappe.apiserver.http.messages import User
from grappe.base.clock import ManualClock, rfc3339
from grappe.controllers.bootstrapsigner import detached_signature
from grappe.controllers.csrcleaner import due_at
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.plant import background, gone, plant, until
from tests.cluster.test_auth_certificates import asking
from tests.cluster.test_auth_tokens_https import get

TOKEN = "abcdef.0123456789abcdef"
CSRS = builtin_kind("certificates.k8s.io/v1", "CertificateSigningRequest")
BINDINGS = builtin_kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
assert CSRS is not None
assert BINDINGS is not None


def secret(**data: str) -> dict[str, Any]:
    found = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        **data,
    }
    return {
        "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token",
        "data": {key: b64encode(value.encode()).decode() for key, value in found.items()},
    }


async def test_a_bootstrap_token_opens_the_door_until_its_secret_goes(
    cluster: TestCluster,
) -> None:
    await cluster.serve_https()
    assert (await get(cluster, "/api", TOKEN))[0] == 401
    await cluster.client.create(SECRETS, secret(), "kube-system")
    assert (await get(cluster, "/api", TOKEN))[0] == 200
    status, body = await get(cluster, "/api/v1/pods", TOKEN)
    assert status == 403
    assert b"system:bootstrap:abcdef" in body
    await cluster.client.delete(SECRETS, "bootstrap-token-abcdef", "kube-system")
    assert (await get(cluster, "/api", TOKEN))[0] == 401


async def test_a_token_review_knows_bootstrap_tokens(cluster: TestCluster) -> None:
    async def review(token: str, **spec: Any) -> Any:
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        body = {"spec": {"token": token, **spec}}
        return (await ask(cluster, "POST", path, body)).body["status"]

    assert "authenticated" not in await review(TOKEN)
    groups = secret(**{"auth-extra-groups": "system:bootstrappers:blue"})
    await cluster.client.create(SECRETS, groups, "kube-system")
    found = await review(TOKEN)
    assert found["authenticated"] is True
    assert found["user"]["username"] == "system:bootstrap:abcdef"
    assert set(found["user"]["groups"]) == {
        "system:bootstrappers",
        "system:bootstrappers:blue",
        "system:authenticated",
    }
    assert "authenticated" not in await review("abcdef.0123456789abcdeg")
    assert "authenticated" not in await review(TOKEN, audiences=["vault"])


async def allow(cluster: TestCluster, role: str, group: str) -> None:
    await cluster.client.create(
        BINDINGS,
        {
            "metadata": {"name": role.rpartition(":")[2]},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}],
        },
    )


def node_request(name: str) -> dict[str, Any]:
    return asking(
        f"system:node:{name}",
        "system:nodes",
        signerName="kubernetes.io/kube-apiserver-client-kubelet",
        usages=["client auth", "digital signature"],
    )[0] | {"metadata": {"name": name}}


async def test_a_nodes_certificate_is_approved_when_its_sender_may_have_it(
    cluster: TestCluster,
) -> None:
    await allow(cluster, "system:node-bootstrapper", "system:bootstrappers")
    await allow(
        cluster,
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        "system:bootstrappers",
    )
    joining = cluster.client_of(
        User("system:bootstrap:abcdef", ("system:bootstrappers", "system:authenticated"))
    )
    await joining.create(CSRS, node_request("n1"))

    async def issued() -> dict[str, Any]:
        found = await cluster.client.get(CSRS, "n1")
        if not found["status"].get("certificate"):
            raise ApiError(404, "NotFound", "not yet")
        return found

    found = await until(issued)
    (condition,) = found["status"]["conditions"]
    assert condition["type"] == "Approved"
    assert condition["reason"] == "AutoApproved"
    assert condition["message"] == (
        "Auto approving kubelet client certificate after SubjectAccessReview."
    )
    assert condition["lastUpdateTime"]
    assert found["spec"]["username"] == "system:bootstrap:abcdef"


async def test_a_node_renews_its_own_certificate_and_nobody_elses(cluster: TestCluster) -> None:
    await allow(
        cluster,
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "system:nodes",
    )
    node = cluster.client_of(User("system:node:n1", ("system:nodes", "system:authenticated")))
    await node.create(CSRS, node_request("n2"))
    await node.create(CSRS, node_request("n1"))

    async def approved() -> bool:
        return bool((await cluster.client.get(CSRS, "n1"))["status"].get("conditions"))

    await until(approved)
    assert "conditions" not in (await cluster.client.get(CSRS, "n2"))["status"]


async def test_cluster_info_is_signed_with_each_token(cluster: TestCluster) -> None:
    client = cluster.client
    async with plant(cluster):
        info = {"metadata": {"name": "cluster-info"}, "data": {"kubeconfig": "trust me"}}
        await client.create(CONFIG_MAPS, info, "kube-public")
        await client.create(SECRETS, secret(), "kube-system")

        async def signed() -> str | None:
            data = (await client.get(CONFIG_MAPS, "cluster-info", "kube-public"))["data"]
            return data.get("jws-kubeconfig-abcdef")

        signature = await until(signed)
        assert signature == detached_signature("trust me", "abcdef", "0123456789abcdef")
        header, empty, _ = signature.split(".")
        assert empty == ""
        said = json.loads(b64decode(header + "=" * (-len(header) % 4)))
        assert said == {"alg": "HS256", "kid": "abcdef"}
        await client.delete(SECRETS, "bootstrap-token-abcdef", "kube-system")

        async def unsigned() -> bool:
            return await signed() is None

        await until(unsigned)


async def test_an_expired_token_is_deleted(cluster: TestCluster) -> None:
    client = cluster.client
    async with plant(cluster):
        await client.create(SECRETS, secret(expiration=rfc3339(0)), "kube-system")
        name = "bootstrap-token-abcdef"
        await until(lambda: gone(client, SECRETS, name, "kube-system"))


HOUR = 3600.0


@pytest.mark.parametrize(
    ("conditions", "certificate", "after"),
    [
        ([], "", 24 * HOUR),
        ([{"type": "Denied", "lastUpdateTime": rfc3339(60)}], "", 60 + HOUR),
        ([{"type": "Approved", "lastUpdateTime": rfc3339(60)}], "", 60 + 24 * HOUR),
        ([{"type": "Approved", "lastUpdateTime": rfc3339(60)}], "eA==", 60 + HOUR),
        ([{"type": "Failed"}], "", HOUR),
    ],
)
def test_requests_go_some_time_after_they_matter(
    conditions: list[Any], certificate: str, after: float
) -> None:
    status = {"conditions": conditions, "certificate": certificate}
    csr = {"metadata": {"creationTimestamp": rfc3339(0)}, "status": status}
    assert due_at(csr) == after


async def test_an_old_request_is_deleted(cluster: TestCluster) -> None:
    tomorrow = ManualClock(cluster.clock.now() + 25 * HOUR)
    await cluster.client.create(CSRS, asking("old")[0])
    async with background(controllers.run(cluster.client, tomorrow)):
        await until(lambda: gone(cluster.client, CSRS, "old"))
