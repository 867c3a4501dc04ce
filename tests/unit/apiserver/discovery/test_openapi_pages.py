import orjson
import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.discovery.openapi import OpenApi
from grappe.apiserver.http.messages import Request, Response

PAGES = OpenApi(lambda: (), lambda: 1)


def get(path: str, query: str = "", **headers: str) -> Response:
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    found = PAGES.page(Request("GET", path, query, sent))
    assert found is not None
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


def test_v2_comes_in_the_form_asked_for() -> None:
    assert orjson.loads(body(get("/openapi/v2")))["swagger"] == "2.0"
    proto = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    found = get("/openapi/v2", accept=proto)
    assert body(found).startswith(b"\n\x032.0")
    assert "@" not in found.content_type
    assert get("/openapi/v2", accept=f"application/json, {proto}").content_type == (
        "application/json"
    )
    with pytest.raises(ApiError) as caught:
        get("/openapi/v2", accept="text/html")
    assert caught.value.code == 406
