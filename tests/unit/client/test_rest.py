import orjson
import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, DEPLOYMENTS, PODS
from grappe.client.rest import RestClient

from .scripted import ScriptedTransport, obj


async def asked_by(call):
    transport = ScriptedTransport([{"kind": "Status"}])
    await call(RestClient(transport))
    method, path, query, body = transport.asked[0]
    return method, path, query, orjson.loads(body) if body else None


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(
            lambda c: c.get(DEPLOYMENTS, "web", "shop", subresource="scale"),
            ("GET", "/apis/apps/v1/namespaces/shop/deployments/web/scale", {}, None),
            id="get scale",
        ),
        pytest.param(
            lambda c: c.list(PODS, label_selector="app=web", limit=5, continue_token="t"),
            ("GET", "/api/v1/pods", {"labelSelector": "app=web", "limit": "5", "continue": "t"},
             None),
            id="list",
        ),
        pytest.param(
            lambda c: c.create(CONFIG_MAPS, obj("a", 1), dry_run=True, field_manager="me"),
            ("POST", "/api/v1/namespaces/default/configmaps",
             {"dryRun": "All", "fieldManager": "me"}, obj("a", 1)),
            id="create in the object's own namespace",
        ),
        pytest.param(
            lambda c: c.create(PODS, {"metadata": {}}, "shop", name="p", subresource="eviction"),
            ("POST", "/api/v1/namespaces/shop/pods/p/eviction", {}, {"metadata": {}}),
            id="evict",
        ),
        pytest.param(
            lambda c: c.apply(CONFIG_MAPS, obj("a", 1), field_manager="me", force=True),
            ("PATCH", "/api/v1/namespaces/default/configmaps/a",
             {"fieldManager": "me", "force": "true"}, obj("a", 1)),
            id="apply",
        ),
        pytest.param(
            lambda c: c.delete(PODS, "p", "shop", propagation="Foreground", uid="u",
                               grace_period=0),
            ("DELETE", "/api/v1/namespaces/shop/pods/p", {},
             {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground",
              "gracePeriodSeconds": 0, "preconditions": {"uid": "u"}}),
            id="delete",
        ),
    ],
)  # fmt: skip
async def test_a_call_becomes_the_request_kubernetes_expects(call, expected):
    assert await asked_by(call) == expected


async def test_list_items_get_the_kind_the_server_leaves_out():
    answer = {"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": {}}]}
    got = await RestClient(ScriptedTransport([answer])).list(PODS)
    assert got.items == [{"metadata": {}, "kind": "Pod", "apiVersion": "v1"}]
    assert (got.resource_version, got.continue_token) == ("7", "")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b'{"kind":"Status","message":"gone","reason":"Expired"}', "gone", id="status"),
        pytest.param(b"<html>Bad Gateway", "the server answered 502: <html>Bad Gateway", id="page"),
        pytest.param(b"", "the server answered 502", id="empty"),
        pytest.param(b"\xff" * 5000, "the server answered 502: " + "\ufffd" * 400, id="binary"),
    ],
)
async def test_an_answer_without_success_is_an_api_error(body, message):
    client = RestClient(ScriptedTransport([(502, {}, body)]))
    with pytest.raises(ApiError) as caught:
        await client.get(PODS, "p", "default")
    assert (caught.value.code, caught.value.message) == (502, message)


async def test_success_that_is_no_json_is_an_api_error():
    client = RestClient(ScriptedTransport([(200, {}, b"<html>login")]))
    with pytest.raises(ApiError, match="is this an API server"):
        await client.get(PODS, "p", "default")
