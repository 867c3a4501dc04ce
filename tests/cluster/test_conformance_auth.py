"""What Kubernetes' conformance demands of access control ([sig-auth]), over the real protocol.

Names after https://github.com/cncf/k8s-conformance/blob/master/docs/KubeConformance-1.36.md
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import orjson
import pytest

from grappe.api.resources import CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS
from grappe.apiserver.auth.oidc.keys import KeySet
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import Reply, ask, pod
from tests.cluster.people import administrator
from tests.cluster.plant import plant, until
from tests.cluster.test_auth_certificates import asking

CERTIFICATES = "/apis/certificates.k8s.io/v1"
CSRS = f"{CERTIFICATES}/certificatesigningrequests"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
MERGE = {"content-type": "application/merge-patch+json"}
MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


async def good(cluster: TestCluster, method: str, path: str, body: Any = None, **more: Any) -> Any:
    reply: Reply = await ask(cluster, method, path, body, **more)
    assert reply.status < 300, reply.body
    return reply.body


async def test_certificate_signing_request_api(cluster: TestCluster) -> None:
    groups = await good(cluster, "GET", "/apis")
    assert "certificates.k8s.io" in [group["name"] for group in groups["groups"]]
    served = {
        r["name"]: r["verbs"] for r in (await good(cluster, "GET", CERTIFICATES))["resources"]
    }
    every = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
    assert set(served["certificatesigningrequests"]) == every
    for part in ("approval", "status"):
        assert set(served[f"certificatesigningrequests/{part}"]) == {"get", "patch", "update"}
    for name in ("one", "two"):
        obj = asking(name, signerName="example.com/e2e")[0]
        obj["metadata"]["labels"] = {"test": "e2e"}
        await good(cluster, "POST", CSRS, obj)
    assert (await good(cluster, "GET", f"{CSRS}/one"))["metadata"]["name"] == "one"
    listed = await good(cluster, "GET", CSRS, labelSelector="test=e2e")
    assert len(listed["items"]) == 2
    assert (
        len((await good(cluster, "GET", CSRS, fieldSelector="spec.signerName=other/x"))["items"])
        == 0
    )
    note = {"metadata": {"annotations": {"patched": "true"}}}
    patched = await good(cluster, "PATCH", f"{CSRS}/one", note, headers=MERGE)
    assert patched["metadata"]["annotations"]["patched"] == "true"
    patched["metadata"]["annotations"]["updated"] = "true"
    assert (await good(cluster, "PUT", f"{CSRS}/one", patched))["metadata"]["annotations"] == {
        "patched": "true",
        "updated": "true",
    }
    condition = {"type": "ApprovalPatch", "status": "True", "reason": "e2e"}
    approval = {"status": {"conditions": [condition]}}
    await good(cluster, "PATCH", f"{CSRS}/one/approval", approval, headers=MERGE)
    got = await good(cluster, "GET", f"{CSRS}/one/approval")
    assert got["status"]["conditions"][0]["type"] == "ApprovalPatch"
    certificate = b64encode(cluster.api.pki.ca_certificate.read_bytes()).decode()
    status = {"status": {"certificate": certificate}}
    await good(cluster, "PATCH", f"{CSRS}/one/status", status, headers=MERGE)
    got = await good(cluster, "GET", f"{CSRS}/one/status")
    assert got["status"]["certificate"] == certificate
    assert got["status"]["conditions"][0]["type"] == "ApprovalPatch"
    await good(cluster, "DELETE", f"{CSRS}/one")
    assert (await ask(cluster, "GET", f"{CSRS}/one")).status == 404
    await good(cluster, "DELETE", CSRS, labelSelector="test=e2e")
    assert (await good(cluster, "GET", CSRS))["items"] == []


async def token_of(cluster: TestCluster, name: str, **spec: Any) -> str:
    answer = await good(cluster, "POST", f"{ACCOUNTS}/{name}/token", {"spec": spec})
    return str(answer["status"]["token"])


async def test_oidc_discovery_of_the_service_account_issuer(cluster: TestCluster) -> None:
    token = await token_of(cluster, "default", audiences=["oidc-discovery-test"])
    metadata = await good(cluster, "GET", "/.well-known/openid-configuration")
    payload = token.split(".")[1]
    claims = orjson.loads(b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_"))
    assert claims["iss"] == metadata["issuer"]
    assert metadata["jwks_uri"].startswith("https://")
    assert metadata["response_types_supported"] == ["id_token"]
    keys = await good(cluster, "GET", "/openid/v1/jwks")
    assert KeySet(keys).verify(token)["aud"] == ["oidc-discovery-test"]


@pytest.mark.parametrize("of_pod", [None, True, False])
@pytest.mark.parametrize("of_account", [None, True, False])
async def test_tokens_are_mounted_unless_opted_out(
    cluster: TestCluster, of_pod: bool | None, of_account: bool | None
) -> None:
    account: dict[str, Any] = {"metadata": {"name": "robot"}}
    if of_account is not None:
        account["automountServiceAccountToken"] = of_account
    await good(cluster, "POST", ACCOUNTS, account)
    spec = {} if of_pod is None else {"automountServiceAccountToken": of_pod}
    made = await cluster.client.create(
        PODS, pod("p", serviceAccountName="robot", **spec), "default"
    )
    mounts = [m["mountPath"] for m in made["spec"]["containers"][0].get("volumeMounts") or ()]
    wanted = of_pod if of_pod is not None else of_account is not False
    assert (MOUNT in mounts) is wanted


async def test_a_token_is_made_and_reviewed(cluster: TestCluster) -> None:
    await good(cluster, "POST", ACCOUNTS, {"metadata": {"name": "robot"}})
    token = await token_of(cluster, "robot")
    assert token
    reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = (await good(cluster, "POST", reviews, {"spec": {"token": token}}))["status"]
    assert status["authenticated"] is True
    assert not status.get("error")
    assert status["user"]["username"] == "system:serviceaccount:default:robot"


async def test_the_root_ca_is_in_any_namespace(cluster: TestCluster) -> None:
    client = cluster.client
    async with plant(cluster, nodes=0):
        await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        name = "kube-root-ca.crt"
        first = await until(lambda: client.get(CONFIG_MAPS, name, "shop"))
        assert "ca.crt" in first["data"]
        await client.delete(CONFIG_MAPS, name, "shop")
        again = await until(lambda: client.get(CONFIG_MAPS, name, "shop"))
        assert again["metadata"]["uid"] != first["metadata"]["uid"]
        await client.patch(CONFIG_MAPS, name, {"data": {"ca.crt": "spoiled"}}, "shop")

        async def right() -> bool:
            found = await client.get(CONFIG_MAPS, name, "shop")
            return bool(found["data"] == first["data"])

        await until(right)


async def test_the_life_of_a_service_account(cluster: TestCluster) -> None:
    client = cluster.client
    made = {"metadata": {"name": "life", "labels": {"static": "true"}}}
    created = await client.create(SERVICE_ACCOUNTS, made, "default")
    revision = created["metadata"]["resourceVersion"]
    patched = await client.patch(
        SERVICE_ACCOUNTS, "life", {"automountServiceAccountToken": False}, "default"
    )
    assert patched["automountServiceAccountToken"] is False
    everywhere = await client.list(SERVICE_ACCOUNTS, label_selector="static=true")
    assert [item["automountServiceAccountToken"] for item in everywhere.items] == [False]
    patched["automountServiceAccountToken"] = True
    updated = await client.update(SERVICE_ACCOUNTS, patched)
    assert updated["automountServiceAccountToken"] is True
    await good(cluster, "DELETE", ACCOUNTS, labelSelector="static=true")
    assert (await client.list(SERVICE_ACCOUNTS, label_selector="static=true")).items == []
    assert int(revision) < int(updated["metadata"]["resourceVersion"])


async def test_subject_access_reviews_tell_what_impersonation_finds(cluster: TestCluster) -> None:
    await good(cluster, "POST", ACCOUNTS, {"metadata": {"name": "robot"}})
    admin = await administrator(cluster)
    user = "system:serviceaccount:default:robot"
    attributes = {"verb": "list", "resource": "configmaps", "namespace": "default"}
    root = "/apis/authorization.k8s.io/v1"
    asked = {"spec": {"user": user, "resourceAttributes": attributes}}

    async def answers() -> tuple[bool, bool, bool]:
        told = [
            (await good(cluster, "POST", path, asked))["status"]["allowed"]
            for path in (
                f"{root}/subjectaccessreviews",
                f"{root}/namespaces/default/localsubjectaccessreviews",
            )
        ]
        done = await admin.run("get", "configmaps", "--as", user)
        return told[0], told[1], done.code == 0

    assert await answers() == (False, False, False)
    bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
    binding = {
        "metadata": {"name": "robot"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "view",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}],
    }
    await good(cluster, "POST", bindings, binding)
    assert await answers() == (True, True, True)
