"""An issuer of one's own: discovery and keys over HTTPS, its users with RBAC and TokenReview."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from grappe.base.errors import UserError
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import ask
from tests.cluster.oidc_provider import Provider, configuration
from tests.cluster.test_auth_tokens_https import get


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    found = Provider(tmp_path)
    yield found
    await asyncio.to_thread(found.stop)


@pytest.fixture
async def cluster(provider: Provider, tmp_path: Path) -> AsyncIterator[TestCluster]:
    data_dir = tmp_path / "cluster"
    data_dir.mkdir()
    (data_dir / "authentication.yaml").write_text(yaml.safe_dump(configuration(provider)))
    async with running_cluster(data_dir=data_dir) as running:
        await running.serve_https()
        yield running


async def test_a_user_of_the_issuer_has_what_is_bound_to_them(
    cluster: TestCluster, provider: Provider
) -> None:
    path = "/api/v1/namespaces/default/pods"
    status, body = await get(cluster, path, provider.token())
    assert status == 403
    assert b'User \\"oidc:jane\\" cannot list' in body
    binding = {
        "metadata": {"name": "devs"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "view",
        },
        "subjects": [
            {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "oidc:devs"}
        ],
    }
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    assert (await ask(cluster, "POST", bindings, binding)).status == 201
    assert (await get(cluster, path, provider.token(groups=["devs"])))[0] == 200


async def test_tokens_that_do_not_count(cluster: TestCluster, provider: Provider) -> None:
    good = provider.token()
    for bad in (
        provider.token(aud="other"),
        provider.token(exp=int(time.time()) - 5),
        provider.token(iss="https://127.0.0.1:1"),
        good[:-4] + "AAAA",
    ):
        assert (await get(cluster, "/api", bad))[0] == 401
    assert (await get(cluster, "/api", good))[0] == 200
    provider.key = ec.generate_private_key(ec.SECP256R1())
    assert (await get(cluster, "/api", provider.token()))[0] == 401


async def test_a_token_review_knows_them_too(cluster: TestCluster, provider: Provider) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    reply = await ask(cluster, "POST", path, {"spec": {"token": provider.token()}})
    assert reply.body["status"]["authenticated"] is True
    assert reply.body["status"]["user"]["username"] == "oidc:jane"
    other = {"spec": {"token": provider.token(), "audiences": ["vault"]}}
    assert "authenticated" not in (await ask(cluster, "POST", path, other)).body["status"]


async def test_anonymous_is_kept_to_the_paths_named(cluster: TestCluster) -> None:
    assert (await get(cluster, "/livez"))[0] == 200
    assert (await get(cluster, "/readyz"))[0] == 401


async def test_an_issuer_that_is_down_refuses_its_users_and_nobody_else(
    cluster: TestCluster, provider: Provider
) -> None:
    await asyncio.to_thread(provider.stop)
    provider.key_id = "another"
    assert (await get(cluster, "/api", provider.token()))[0] == 401
    assert (await get(cluster, "/livez"))[0] == 200


async def test_a_wrong_file_is_told_at_the_start(provider: Provider, tmp_path: Path) -> None:
    wrong = configuration(provider)
    wrong["jwt"][0]["issuer"]["audiences"] = []
    (tmp_path / "authentication.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(UserError, match="audiences: Required value"):
        async with running_cluster(data_dir=tmp_path):
            pass


async def test_expressions_say_who_a_user_is(provider: Provider, tmp_path: Path) -> None:
    said = configuration(provider)
    said["jwt"][0] |= {
        "claimMappings": {
            "username": {"expression": "claims.email.lowerAscii()"},
            "groups": {"expression": "claims.roles.split(',')"},
            "extra": [{"key": "acme.io/team", "valueExpression": "claims.team"}],
        },
        "claimValidationRules": [{"expression": "claims.email_verified == true"}],
        "userValidationRules": [{"expression": "!('ops' in user.groups)"}],
    }
    data_dir = tmp_path / "expressions"
    data_dir.mkdir()
    (data_dir / "authentication.yaml").write_text(yaml.safe_dump(said))
    claims = {"email": "Jane@acme.io", "email_verified": True, "roles": "a,b", "team": "red"}
    async with running_cluster(data_dir=data_dir) as cluster:

        async def review(**changed: Any) -> Any:
            spec = {"token": provider.token(**{**claims, **changed})}
            path = "/apis/authentication.k8s.io/v1/tokenreviews"
            return (await ask(cluster, "POST", path, {"spec": spec})).body["status"]

        assert (await review())["user"] == {
            "username": "jane@acme.io",
            "groups": ["a", "b", "system:authenticated"],
            "extra": {"acme.io/team": ["red"]},
        }
        for refused in ({"email_verified": False}, {"roles": "a,ops"}, {"email": 7}):
            assert "authenticated" not in await review(**refused)
