import asyncio

import pytest

from grappe.api.errors import ApiError
from grappe.client.discovery import RESTMapper, UnknownKindError
from grappe.client.rest import RestClient

from .scripted import ScriptedTransport

BEFORE = {"kind": "APIResourceList", "resources": [
    {"name": "applications", "kind": "Application", "namespaced": True, "verbs": ["get"],
     "shortNames": ["app"], "singularName": "application"},
    {"name": "applications/status", "kind": "Application", "namespaced": True, "verbs": ["get"]},
]}  # fmt: skip
PROJECT = {"name": "appprojects", "kind": "AppProject", "namespaced": False, "verbs": []}
AFTER = {**BEFORE, "resources": [*BEFORE["resources"], PROJECT]}


async def test_a_kind_is_asked_for_once_and_remembered():
    transport = ScriptedTransport([BEFORE])
    mapper = RESTMapper(RestClient(transport))
    found = await asyncio.gather(
        *(mapper.resource("argoproj.io/v1alpha1", "Application") for _ in range(5))
    )
    assert {f.path("team", "web") for f in found} == {
        "/apis/argoproj.io/v1alpha1/namespaces/team/applications/web"
    }
    assert found[0].subresources == {"status"}
    assert [a[1] for a in transport.asked] == ["/apis/argoproj.io/v1alpha1"]


async def test_a_kind_that_comes_later_is_found_then():
    mapper = RESTMapper(RestClient(ScriptedTransport([BEFORE, AFTER])))
    await mapper.resource("argoproj.io/v1alpha1", "Application")
    found = await mapper.resource("argoproj.io/v1alpha1", "AppProject")
    assert not found.namespaced


async def test_an_unknown_kind_is_told_as_kubectl_tells_it():
    mapper = RESTMapper(RestClient(ScriptedTransport([ApiError(404, "NotFound", "")])))
    with pytest.raises(UnknownKindError) as caught:
        await mapper.resource("example.com/v1", "Widget")
    assert str(caught.value) == 'no matches for kind "Widget" in version "example.com/v1"'
