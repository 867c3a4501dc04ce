"""Service-account tokens over HTTPS."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson

from grappe.api.resources import SECRETS, SERVICE_ACCOUNTS
from grappe.base.clock import rfc3339
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import pod
from tests.cluster.people import administrator


async def get(cluster: TestCluster, path: str, token: str = "") -> tuple[int, bytes]:
    trusted = ssl.create_default_context(cafile=str(cluster.api.pki.ca_certificate))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"https://127.0.0.1:{cluster.config.port}{path}"

    def ask() -> tuple[int, bytes]:
        try:
            with urlopen(Request(url, headers=headers), context=trusted) as answer:
                return answer.status, answer.read()
        except HTTPError as refusal:
            return refusal.code, refusal.read()

    return await asyncio.to_thread(ask)


async def test_a_token_from_kubectl_opens_what_its_account_may_do(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    await admin("create", "sa", "ci")
    token = (await admin("create", "token", "ci", "--duration=20m")).strip()
    status, body = await get(cluster, "/api/v1/namespaces/default/pods", token)
    assert status == 403
    assert b'User \\"system:serviceaccount:default:ci\\" cannot list' in body
    await admin("create", "rolebinding", "ci", "--clusterrole=view", "--serviceaccount=default:ci")
    status, _ = await get(cluster, "/api/v1/namespaces/default/pods", token)
    assert status == 200
    await admin("delete", "sa", "ci")
    status, body = await get(cluster, "/api/v1/namespaces/default/pods", token)
    assert status == 401
    assert orjson.loads(body)["reason"] == "Unauthorized"


async def test_a_token_bound_to_a_pod_ends_with_it(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    await admin("create", "-f", "-", send=pod("web"))
    token = (
        await admin(
            "create", "token", "default", "--bound-object-kind=Pod", "--bound-object-name=web"
        )
    ).strip()
    assert (await get(cluster, "/api", token))[0] == 200
    await admin("delete", "pod", "web", "--force", "--grace-period=0")
    assert (await get(cluster, "/api", token))[0] == 401


async def test_a_token_secret_is_filled_and_ends_with_its_account(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    await admin("create", "sa", "ci")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "ci", "annotations": {"kubernetes.io/service-account.name": "ci"}},
    }
    await admin("create", "-f", "-", send=secret)
    await admin("wait", "--for=jsonpath={.data.namespace}=ZGVmYXVsdA==", "secret/ci")
    found = await cluster.client.get(SECRETS, "ci", "default")
    token = b64decode(found["data"]["token"]).decode()
    assert b64decode(found["data"]["ca.crt"]) == cluster.api.pki.ca_certificate.read_bytes()
    assert (await get(cluster, "/api", token))[0] == 200
    today = rfc3339(cluster.clock.now())[:10]
    label = r"jsonpath={.metadata.labels.kubernetes\.io/legacy-token-last-used}"
    await admin("wait", f"--for={label}={today}", "secret/ci")
    tracking = "kube-apiserver-legacy-service-account-token-tracking"
    since = await admin("get", "cm", "-n", "kube-system", tracking, "-o", "jsonpath={.data.since}")
    assert since == today
    await admin("label", "secret", "ci", "kubernetes.io/legacy-token-invalid-since=2026-01-01")
    assert (await get(cluster, "/api", token))[0] == 401
    await admin("label", "secret", "ci", "kubernetes.io/legacy-token-invalid-since-")
    assert (await get(cluster, "/api", token))[0] == 200
    await admin("delete", "sa", "ci")
    await admin("wait", "--for=delete", "secret/ci", "--timeout=20s")
    assert (await get(cluster, "/api", token))[0] == 401


async def test_without_credentials_only_health_and_version_answer(cluster: TestCluster) -> None:
    await cluster.serve_https()
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert (await get(cluster, path))[0] == 200
    status, body = await get(cluster, "/api/v1/pods")
    assert status == 403
    assert b'pods is forbidden: User \\"system:anonymous\\" cannot list' in body
    assert (await get(cluster, "/metrics"))[0] == 403
    assert (await get(cluster, "/api", "made-up"))[0] == 401


async def test_a_verifier_finds_the_key_of_the_issuer(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    metadata = orjson.loads(await admin("get", "--raw", "/.well-known/openid-configuration"))
    assert metadata["issuer"] == "https://kubernetes.default.svc.cluster.local"
    (key,) = orjson.loads(await admin("get", "--raw", "/openid/v1/jwks"))["keys"]
    assert (key["kty"], key["alg"]) == ("EC", "ES256")


async def test_the_python_client_asks_for_a_token(cluster: TestCluster) -> None:
    from kubernetes import client

    from tests.cluster.people import kubernetes_client

    kubeconfig = await cluster.serve_https()

    def ask() -> str:
        with kubernetes_client(kubeconfig) as api:
            request = client.AuthenticationV1TokenRequest(
                spec=client.V1TokenRequestSpec(audiences=["vault"], expiration_seconds=700)
            )
            core = client.CoreV1Api(api)
            answer = core.create_namespaced_service_account_token("default", "default", request)
            review = client.V1TokenReview(
                spec=client.V1TokenReviewSpec(token=answer.status.token, audiences=["vault"])
            )
            status = client.AuthenticationV1Api(api).create_token_review(review).status
            assert status.authenticated
            return str(status.user.username)

    assert await asyncio.to_thread(ask) == "system:serviceaccount:default:default"
    assert (await cluster.client.get(SERVICE_ACCOUNTS, "default", "default"))["metadata"]["uid"]
