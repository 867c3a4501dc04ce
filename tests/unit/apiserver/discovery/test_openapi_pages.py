import asyncio
import gzip
from collections.abc import Awaitable

import orjson
import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.api.schema import crd_schema
from grappe.apiserver.discovery.openapi import OpenApi
from grappe.apiserver.http.compression import compressible
from grappe.apiserver.http.messages import Request, Response
from grappe.apiserver.registry.interface import ServedResource

PAGES = OpenApi(lambda: (), lambda: 1)


def get(path: str, query: str = "", **headers: str) -> Response:
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    found = PAGES.page(Request("GET", path, query, sent))
    assert isinstance(found, Response)
    return found


def body(response: Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)


def url() -> str:
    index = orjson.loads(body(get("/openapi/v3")))
    found: str = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    return found


def test_a_document_at_its_hash_may_be_kept_for_ever() -> None:
    path, _, query = url().partition("?")
    found = get(path, query)
    assert orjson.loads(body(found))["openapi"] == "3.0.0"
    assert ("Cache-Control", "public, immutable, max-age=31536000") in found.headers
    tag = dict(found.headers)["ETag"]
    assert get(path, query, if_none_match=tag).status == 304


def test_an_old_hash_leads_to_the_new_one() -> None:
    path, _, _ = url().partition("?")
    found = get(path, "hash=OLD")
    assert (found.status, dict(found.headers)["Location"]) == (301, url())


def test_what_is_not_served_has_no_document() -> None:
    for path in ("/openapi/v3/apis/nothing/v1", "/openapi/v4", "/openapi"):
        assert PAGES.page(Request("GET", path, "", {})) is None


async def v2(pages: OpenApi = PAGES, **headers: str) -> Response:
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    found = pages.page(Request("GET", "/openapi/v2", "", sent))
    assert isinstance(found, Awaitable)
    return await found


async def test_v2_comes_in_the_form_asked_for() -> None:
    assert orjson.loads(body(await v2()))["swagger"] == "2.0"
    proto = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    found = await v2(accept=proto)
    assert body(found).startswith(b"\n\x032.0")
    assert "@" not in found.content_type
    preferred = await v2(accept=f"application/json, {proto}")
    assert preferred.content_type == "application/json"
    with pytest.raises(ApiError) as caught:
        await v2(accept="text/html")
    assert caught.value.code == 406
    posted = PAGES.page(Request("POST", "/openapi/v2", "", {}))
    assert isinstance(posted, Awaitable)
    with pytest.raises(ApiError) as caught:
        await posted
    assert caught.value.code == 405


async def test_v2_is_sent_compressed_to_who_asks() -> None:
    found = await v2(accept_encoding="deflate, gzip")
    headers = dict(found.headers)
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body(found)) == body(await v2())
    assert not compressible(found, Request("GET", "", "", {"accept-encoding": "gzip"}))


async def test_who_has_v2_is_told_so() -> None:
    tag = dict((await v2()).headers)["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        found = await v2(if_none_match=known)
        assert (found.status, body(found)) == (304, b"")
        assert dict(found.headers)["ETag"] == tag
    assert (await v2(if_none_match='"other"')).status == 200
    again = OpenApi(lambda: (), lambda: 1)  # another process
    assert dict((await v2(again)).headers)["ETag"] == tag


async def test_v2_is_made_once_for_each_set_of_kinds() -> None:
    made, served, generation = [], [_served("widgets")], 1

    def custom() -> list[ServedResource]:
        made.append(generation)
        return served

    pages = OpenApi(custom, lambda: generation)
    first, second = await asyncio.gather(v2(pages), v2(pages))
    assert body(first) == body(second)
    assert made == [1]
    assert b"example.com/v1/widgets" in body(first)
    served, generation = [], 2
    assert b"example.com/v1/widgets" not in body(await v2(pages))
    assert made == [1, 2]


async def test_who_goes_away_does_not_take_v2_from_others() -> None:
    pages = OpenApi(lambda: (), lambda: 1)
    gone, stays = asyncio.create_task(v2(pages)), asyncio.create_task(v2(pages))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).status == 200
    assert gone.cancelled()


def _served(plural: str) -> ServedResource:
    resource = Resource("example.com", "v1", plural, plural[:-1].title())
    schema = crd_schema({"type": "object"})
    return ServedResource(resource, schema, resource.bucket, "example.com/v1", definition="uid")
