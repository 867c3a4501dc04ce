"""Conversion webhooks that fail, that answer what they may not, or that others follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask
from tests.cluster.conversions import (
    CRDS,
    MERGE,
    V1,
    V2,
    Converts,
    answer,
    define,
    definition,
    site,
    store_as,
)
from tests.cluster.hooks import MUTATING, hook, patching, register, review_answers, rule
from tests.cluster.https_servers import HttpsServer, http, https_server


@pytest.fixture
def webhook() -> Converts:
    return Converts()


@pytest.fixture
async def server(tmp_path: Path, webhook: Converts) -> AsyncIterator[HttpsServer]:
    async with https_server(tmp_path, webhook) as running:
        yield running


def _renamed(objects: list[Any], **metadata: Any) -> list[Any]:
    return [{**obj, "metadata": {**obj["metadata"], **metadata}} for obj in objects]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda r, o: answer(r, [], status="Failure", message="cannot"),
            "failed: cannot",
        ),
        (
            lambda r, o: answer(r, [], status="Failure"),
            "failed: response.result.status was 'Failure', not 'Success'",
        ),
        (lambda r, o: answer(r, o + o), "returned 2 objects, expected 1"),
        (lambda r, o: http(200, b"garbage"), "failed: couldn't get version/kind; json parse error"),
        (
            lambda r, o: http(200, {}),
            "failed: expected webhook response of apiextensions.k8s.io/v1",
        ),
        (
            lambda r, o: answer({**r, "request": {"uid": "other"}}, o),
            "failed: expected response.uid=",
        ),
        (
            lambda r, o: answer(r, [{**o[0], "apiVersion": "example.com/v1"}]),
            "returned invalid object: invalid groupVersion (expected example.com/v2, received "
            "example.com/v1)",
        ),
        (
            lambda r, o: answer(r, [{**o[0], "kind": "Other"}]),
            "returned invalid object: invalid kind (expected Site, received Other)",
        ),
        (
            lambda r, o: answer(r, _renamed(o, name="other")),
            "returned invalid object: must have the same name: a != other",
        ),
        (
            lambda r, o: answer(r, _renamed(o, uid="other")),
            "returned invalid object: must have the same UID: ",
        ),
        (
            lambda r, o: answer(r, _renamed(o, labels={"k": 1})),
            "returned invalid metadata: metadata.labels[k] must be a string",
        ),
        (
            lambda r, o: answer(r, _renamed(o, labels={"k": "not valid!"})),
            "returned invalid metadata: metadata.labels: Invalid value",
        ),
        (lambda r, o: answer(r, [7]), "returned invalid object"),
    ],
)
async def test_failures_are_told_as_kubernetes_tells_them(
    cluster: TestCluster, server: HttpsServer, webhook: Converts, change: Any, told: str
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    webhook.change = change
    start = f"conversion webhook for example.com/v1, Kind=Site {told}"
    for method, path, body in (
        ("GET", f"{V2}/a", None),
        ("GET", V2, None),
        ("PATCH", f"{V2}/a", {"port": "2"}),
        ("DELETE", f"{V2}/a", None),
    ):
        reply = await ask(cluster, method, path, body, MERGE if body else {})
        assert (reply.status, reply.message[: len(start)]) == (500, start)
    assert (await ask(cluster, "GET", f"{V1}/a")).status == 200
    assert (await ask(cluster, "GET", V1)).status == 200


async def test_metadata_is_not_a_webhooks_business_but_labels_and_annotations(
    cluster: TestCluster, server: HttpsServer, webhook: Converts
) -> None:
    await define(cluster, server)
    made = await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    changes = {"labels": {"by": "hook"}, "generation": 99, "finalizers": ["x/y"]}
    webhook.change = lambda review, objects: answer(review, _renamed(objects, **changes))
    seen = (await ask(cluster, "GET", f"{V2}/a")).body["metadata"]
    assert seen["labels"] == {"by": "hook"}
    assert (seen["generation"], seen.get("finalizers")) == (1, None)
    assert seen["managedFields"] == made.body["metadata"]["managedFields"]


async def test_what_was_written_before_there_was_a_second_version(
    cluster: TestCluster, server: HttpsServer
) -> None:
    first = definition(server)
    first["spec"]["versions"] = first["spec"]["versions"][:1]
    del first["spec"]["conversion"]
    assert (await ask(cluster, "POST", CRDS, first)).status == 201
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    spec = definition(server, "v2")["spec"]
    changed = await ask(cluster, "PATCH", f"{CRDS}/sites.example.com", {"spec": spec}, MERGE)
    assert changed.status == 200
    assert (await ask(cluster, "GET", f"{V2}/a")).body["host"] == "h"
    assert (await ask(cluster, "GET", f"{V1}/a")).body["hostPort"] == "h:1"


async def test_a_mutating_webhook_with_another_stored_version(
    cluster: TestCluster, server: HttpsServer, tmp_path: Path
) -> None:
    await define(cluster, server)
    patch = patching({"op": "add", "path": "/port", "value": "77"})
    async with https_server(tmp_path, review_answers(lambda _: patch)) as mutator:
        wanted = rule("sites", group="example.com", version="v2")
        await register(cluster, MUTATING, "m", hook(mutator, wanted))
        made = await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
        assert made.body["hostPort"] == "h:77"
        request = mutator.asked[0].json["request"]
        assert request["object"]["apiVersion"] == "example.com/v2"
        await store_as(cluster, server, "v2")
        patched = await ask(cluster, "PATCH", f"{V1}/a", {"hostPort": "g:5"}, MERGE)
        assert patched.body["hostPort"] == "g:77"


async def test_a_definition_goes_although_its_webhook_is_down(
    cluster: TestCluster, server: HttpsServer, webhook: Converts
) -> None:
    await define(cluster, server)
    await ask(cluster, "POST", V1, site("a", hostPort="h:1"))
    webhook.change = lambda review, _: http(500, b"down")
    assert (await ask(cluster, "DELETE", f"{CRDS}/sites.example.com")).status == 200
    while (await ask(cluster, "GET", f"{CRDS}/sites.example.com")).status == 200:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("webhook_config", "told"),
    [
        (None, "spec.conversion.webhookClientConfig: Required value"),
        (
            {"clientConfig": {"url": "http://x"}, "conversionReviewVersions": ["v1"]},
            "spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the",
        ),
        (
            {"clientConfig": {"url": "https://x"}, "conversionReviewVersions": ["v7"]},
            "spec.conversion.conversionReviewVersions: Invalid value",
        ),
    ],
)
async def test_bad_conversions_are_refused(
    cluster: TestCluster, server: HttpsServer, webhook_config: Any, told: str
) -> None:
    refused = await ask(cluster, "POST", CRDS, definition(server, webhook=webhook_config))
    assert refused.status == 422
    assert told in refused.message
