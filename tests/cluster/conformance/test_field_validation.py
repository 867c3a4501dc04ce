"""What the server says of unknown and duplicate fields, of built-in and custom kinds."""

from __future__ import annotations

import orjson
import pytest

from tests.cluster.conformance.conftest import Api
from tests.cluster.conformance.definitions import custom, define, definition, objects, version

GROUP = "fields.example.com"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
DEPLOYMENT = b"""{
"apiVersion": "apps/v1", "kind": "Deployment",
"metadata": {"name": "web", "labels": {"app": "web"}META},
"spec": {"unknown1": "a", "unknownDupe": 1, "unknownDupe": 2,
  "paused": true, "paused": false,
  "selector": {"matchLabels": {"app": "web"}},
  "template": {"metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "i:1", "unknownNested": "v",
      "imagePullPolicy": "Always", "imagePullPolicy": "Never"}]}}}}"""
SPEC = {
    "type": "object",
    "properties": {
        "known": {"type": "string"},
        "cron": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
        "embedded": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
}


async def test_unknown_and_duplicate_fields_of_a_built_in_kind(api: Api) -> None:
    body = DEPLOYMENT.replace(b"META", b"")
    refused = await api("POST", DEPLOYMENTS, body, fieldValidation="Strict")
    assert refused.status == 400
    for part in (
        'unknown field "spec.unknown1"',
        'duplicate field "spec.paused"',
        'unknown field "spec.template.spec.containers[0].unknownNested"',
        'duplicate field "spec.template.spec.containers[0].imagePullPolicy"',
        'unknown field "spec.unknownDupe"',
    ):
        assert part in refused.message
    warned = await api("POST", DEPLOYMENTS, body, fieldValidation="Warn")
    assert warned.status == 201
    assert warned.headers["warning"].startswith("299 - ")  # the last of several
    assert 'duplicate field \\"spec.template.spec.containers[0].' in warned.headers["warning"]
    silent = await api("PUT", f"{DEPLOYMENTS}/web", body, fieldValidation="Ignore")
    assert silent.status == 200
    assert "warning" not in silent.headers
    patch = {"content-type": "application/strategic-merge-patch+json"}
    refused = await api(
        "PATCH", f"{DEPLOYMENTS}/web", {"spec": {"x": 1}}, patch, fieldValidation="Strict"
    )
    assert (refused.status, 'unknown field "spec.x"' in refused.message) == (422, True)


@pytest.mark.parametrize("how", ["POST", "apply"])
async def test_unknown_metadata_of_a_built_in_kind(api: Api, how: str) -> None:
    body = DEPLOYMENT.replace(b"META", b', "unknownMeta": "x"')
    if how == "POST":
        refused = await api("POST", DEPLOYMENTS, body, fieldValidation="Strict")
        assert refused.status == 400
        assert 'unknown field "metadata.unknownMeta"' in refused.message
    else:
        read = orjson.loads(body)
        del read["spec"]["unknown1"], read["spec"]["unknownDupe"]
        del read["spec"]["template"]["spec"]["containers"][0]["unknownNested"]
        refused = await api.apply(f"{DEPLOYMENTS}/web", read)
        assert refused.status == 400  # a kube-apiserver of 1.36 says 500
        assert ".metadata.unknownMeta: field not declared in schema" in refused.message


async def test_a_kind_without_a_schema_takes_everything(api: Api) -> None:
    await define(api, definition(GROUP))
    body = custom(GROUP, "a", spec={"foo": {"bar": 1}})
    applied = await api.apply(f"{objects(GROUP)}/a", body, fieldValidation="Strict")
    assert applied.status == 201
    assert applied.body["spec"] == {"foo": {"bar": 1}}


async def test_a_valid_object_of_a_kind_with_a_schema(api: Api) -> None:
    await define(api, definition(GROUP, version(properties={"spec": SPEC})))
    body = custom(GROUP, "a", spec={"known": "x", "cron": "* * * * */5"})
    applied = await api.apply(f"{objects(GROUP)}/a", body, fieldValidation="Strict")
    assert applied.status == 201


async def test_an_unknown_field_of_a_kind_with_a_schema(api: Api) -> None:
    await define(api, definition(GROUP, version(properties={"spec": SPEC})))
    body = custom(GROUP, "a", spec={"known": "x", "extra": 1})
    refused = await api("POST", objects(GROUP), body, fieldValidation="Strict")
    assert (refused.status, refused.message) == (
        400,
        'Foo in version "v1" cannot be handled as a Foo: strict decoding error: '
        'unknown field "spec.extra"',
    )
    applied = await api.apply(f"{objects(GROUP)}/a", body, fieldValidation="Strict")
    assert applied.status == 400  # a kube-apiserver of 1.36 says 500
    assert ".spec.extra: field not declared in schema" in applied.message
    warned = await api("POST", objects(GROUP), body, fieldValidation="Warn")
    assert (warned.status, "spec.extra" in warned.headers["warning"]) == (201, True)
    assert warned.body["spec"] == {"known": "x"}


async def test_duplicate_fields_where_unknown_ones_are_preserved(api: Api) -> None:
    await define(api, definition(GROUP))
    body = orjson.dumps(custom(GROUP, "a", spec={})).replace(
        b'"spec":{}', b'"spec":{"unknown1":"a","foo":"x","foo":"y"}'
    )
    refused = await api("POST", objects(GROUP), body, fieldValidation="Strict")
    assert (refused.status, 'duplicate field "spec.foo"' in refused.message) == (400, True)
    assert "unknown1" not in refused.message
    applied = await api.apply(f"{objects(GROUP)}/a", body, fieldValidation="Strict")
    assert (applied.status, "foo" in applied.message) == (400, True)


async def test_unknown_metadata_of_a_custom_object_and_of_one_embedded_in_it(api: Api) -> None:
    await define(api, definition(GROUP, version(properties={"spec": SPEC})))
    embedded = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "unknownSubMeta": "x"},
        "spec": {"anything": "goes"},
    }
    body = custom(GROUP, "a", spec={"embedded": embedded})
    body["metadata"]["unknownMeta"] = "x"
    refused = await api("POST", objects(GROUP), body, fieldValidation="Strict")
    assert refused.status == 400
    assert 'unknown field "metadata.unknownMeta"' in refused.message
    assert 'unknown field "spec.embedded.metadata.unknownSubMeta"' in refused.message
