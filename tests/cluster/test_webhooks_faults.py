"""Admission webhooks that are down, slow, not who they should be, or talk nonsense."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map
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

_FAILED = 'Internal error occurred: failed calling webhook "a.example.com": '


async def refusal(cluster: TestCluster, name: str = "x") -> str:
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map(name))
    assert (reply.status, reply.body["reason"]) == (500, "InternalError"), reply.body
    return reply.message


async def test_a_webhook_that_is_down_fails_closed_or_open(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: allowed())) as server:
        one = hook(server, rule("configmaps"))
    await register(cluster, VALIDATING, "v", one)
    told = f'{_FAILED}failed to call webhook: Post "{server.url}/check?timeout=10s": '
    told += f"dial tcp 127.0.0.1:{server.port}: connect: connection refused"
    assert await refusal(cluster) == told
    await ask(cluster, "DELETE", f"{VALIDATING}/v")
    await register(cluster, VALIDATING, "v", one | {"failurePolicy": "Ignore"})
    await register(cluster, MUTATING, "m", one | {"failurePolicy": "Ignore"})
    assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201


@pytest.mark.parametrize("where", [VALIDATING, MUTATING])
async def test_a_slow_webhook_times_out(cluster: TestCluster, tmp_path: Path, where: str) -> None:
    never = asyncio.Event()

    async def answers(asked: Asked) -> None:
        await never.wait()

    async with https_server(tmp_path, answers) as server:
        one = hook(server, rule("configmaps"), timeoutSeconds=1)
        await register(cluster, where, "v", one)
        told = await refusal(cluster)
        assert told.endswith('/check?timeout=1s": context deadline exceeded')
        await ask(cluster, "DELETE", f"{where}/v")
        await register(cluster, where, "v", one | {"failurePolicy": "Ignore"})
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201


async def test_the_bundle_may_be_the_webhooks_own_certificate(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: allowed())) as server:
        one = hook(server, rule("configmaps"))
        one["clientConfig"]["caBundle"] = base64.b64encode(server.certificate).decode()
        await register(cluster, VALIDATING, "v", one)
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201
        assert len(server.asked) == 1


async def test_a_webhook_must_be_who_it_should_be(cluster: TestCluster, tmp_path: Path) -> None:
    async with (
        https_server(tmp_path, review_answers(lambda _: allowed())) as server,
        https_server(tmp_path, review_answers(lambda _: allowed())) as other,
        https_server(tmp_path, review_answers(lambda _: allowed()), sans=("wrong",)) as misnamed,
    ):
        impostor = hook(server, rule("configmaps"))
        impostor["clientConfig"]["caBundle"] = other.bundle
        unknown = hook(server, rule("configmaps"))
        del unknown["clientConfig"]["caBundle"]
        for one, why in (
            (impostor, "x509: certificate signed by unknown authority"),
            (unknown, "x509: certificate signed by unknown authority"),
            (hook(misnamed, rule("configmaps")), "x509: certificate is not valid for 127.0.0.1"),
        ):
            await register(cluster, VALIDATING, "v", one)
            assert why in await refusal(cluster)
            await ask(cluster, "DELETE", f"{VALIDATING}/v")
        assert not server.asked
        assert not misnamed.asked


def answer(review: Any, **response: Any) -> bytes:
    return http(200, {**review, "response": {"uid": review["request"]["uid"], **response}})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda r: http(200, b"garbage"), "couldn't get version/kind; json parse error: "),
        (lambda r: http(200, []), "webhook response was no object"),
        (lambda r: http(200, {}), "webhook response was absent"),
        (lambda r: answer(r, uid="other", allowed=True), ', got "other"'),
        (
            lambda r: answer({**r, "apiVersion": "x/v9"}, allowed=True),
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got x/v9, "
            "Kind=AdmissionReview",
        ),
        (
            lambda r: answer(r, **patching({"op": "remove", "path": "/data"})),
            "validating webhook may not return response.patch",
        ),
        (lambda r: http(404, b""), "the server could not find the requested resource"),
        (lambda r: http(500, b"boom"), 'an error on the server ("boom") has prevented the request'),
        (lambda r: b"no http at all\r\n\r\n", "malformed HTTP response"),
        (lambda r: None, "EOF"),
        (lambda r: http(200, b"x" * 100)[:-50], "unexpected EOF"),
        (lambda r: answer(r, allowed=True, status=7), "response.status has the wrong type"),
    ],
)
async def test_nonsense_is_told_as_such(
    cluster: TestCluster, tmp_path: Path, make: Any, why: str
) -> None:
    async def answers(asked: Asked) -> bytes | None:
        made: bytes | None = make(asked.json)
        if made is not None and b"x" * 50 in made:
            asked.writer.write(made)
            return None  # killed in mid-answer
        return made

    async with https_server(tmp_path, answers) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        told = await refusal(cluster)
        assert told.startswith(_FAILED)
        assert why in told


async def test_an_endless_answer_is_cut(cluster: TestCluster, tmp_path: Path) -> None:
    async def answers(asked: Asked) -> None:
        asked.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        while not asked.writer.is_closing():
            asked.writer.write(piece)
            await asked.writer.drain()

    async with https_server(tmp_path, answers) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        assert "the response is longer than 16777216 bytes" in await refusal(cluster)


async def test_a_connection_the_webhook_closed_meanwhile_is_made_again(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async def answers(asked: Asked) -> bytes | None:
        asked.writer.write(answer(asked.json, allowed=True))
        return None

    async with https_server(tmp_path, answers) as server:
        await register(cluster, VALIDATING, "v", hook(server, rule("configmaps")))
        for name in ("x", "y", "z"):
            assert (await ask(cluster, "POST", CONFIG_MAPS, config_map(name))).status == 201
        assert len(server.asked) == 3
