"""Long answers over gzip."""

from __future__ import annotations

import gzip

import orjson

from grappe.apiserver.http.messages import Request, Response
from grappe.testing.cluster import ADMIN, TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map


async def test_a_long_list_is_compressed_for_who_asks(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "v" * 200_000}))
    request = Request("GET", CONFIG_MAPS, "", {"accept-encoding": "gzip"}, user=ADMIN)
    answer = cluster.api.handle(request)
    assert not isinstance(answer, Response)  # it waits for a thread, and nobody for it
    found = await answer  # type: ignore[misc]
    assert dict(found.headers)["Content-Encoding"] == "gzip"
    listed = orjson.loads(gzip.decompress(found.body))
    assert listed == (await ask(cluster, "GET", CONFIG_MAPS)).body
