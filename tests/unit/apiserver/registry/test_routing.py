from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.registry.interface import RequestInfo, ServedResource
from grappe.apiserver.registry.routing import flag, parse, parse_query


def _nothing(group: str, version: str, plural: str) -> ServedResource | None:
    return None


def _parse(line: str) -> RequestInfo:
    method, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    return parse(method, path, query, _nothing)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /api/v1/pods", "list //v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods", "list ns//v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods?watch=true", "watch ns//v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods?watch=1", "watch ns//v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods?watch", "watch ns//v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods?watch=false", "list ns//v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods/p", "get ns//v1 pods p "),
        ("HEAD /api/v1/namespaces/ns/pods/p", "get ns//v1 pods p "),
        ("POST /api/v1/namespaces/ns/pods", "create ns//v1 pods  "),
        ("PUT /api/v1/namespaces/ns/pods/p", "update ns//v1 pods p "),
        ("PATCH /api/v1/namespaces/ns/pods/p", "patch ns//v1 pods p "),
        ("DELETE /api/v1/namespaces/ns/pods/p", "delete ns//v1 pods p "),
        ("DELETE /api/v1/namespaces/ns/pods", "deletecollection ns//v1 pods  "),
        ("GET /api/v1/namespaces/ns/pods/p/log", "get ns//v1 pods p log"),
        ("POST /api/v1/namespaces/ns/pods/p/binding", "create ns//v1 pods p binding"),
        ("GET /api/v1/namespaces", "list //v1 namespaces  "),
        ("GET /api/v1/namespaces/ns", "get ns//v1 namespaces ns "),
        ("PUT /api/v1/namespaces/ns/status", "update ns//v1 namespaces ns status"),
        ("PUT /api/v1/namespaces/ns/finalize", "update ns//v1 namespaces ns finalize"),
        ("GET /apis/apps/v1/deployments", "list /apps/v1 deployments  "),
        (
            "GET /apis/apps/v1/namespaces/ns/deployments/d/scale",
            "get ns/apps/v1 deployments d scale",
        ),
        ("GET /api/v1/watch/pods", "watch //v1 pods  "),
        ("GET /api/v1/nodes/n%20x", "get //v1 nodes n x "),
        ("GET /api/v1/pods?fieldSelector=metadata.name%3Da", "list //v1 pods a "),
        ("GET /api/v1/pods?fieldSelector=metadata.name%21%3Da", "list //v1 pods  "),
    ],
)
def test_paths_are_read_as_kubernetes_reads_them(line: str, expected: str) -> None:
    info = _parse(line)
    found = (
        f"{info.verb} {info.namespace}/{info.group}/{info.version} {info.plural} {info.name} "
        f"{info.subresource}"
    )
    assert info.resource_request
    assert found == expected


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz"]
)
def test_other_paths_are_no_resource_requests(path: str) -> None:
    info = _parse(f"GET {path}")
    assert (info.resource_request, info.verb, info.path) == (False, "get", path)


def test_what_follows_proxy_is_kept() -> None:
    info = _parse("GET /api/v1/namespaces/ns/services/web:http/proxy/a/b/?x=1")
    assert (info.name, info.subresource, info.tail) == ("web:http", "proxy", "a/b/")


def test_an_old_watch_path_of_one_object_selects_its_name() -> None:
    info = _parse("GET /api/v1/watch/namespaces/ns/pods/p")
    assert info.query["fieldSelector"] == "metadata.name=p"


def test_of_a_repeated_parameter_the_first_counts() -> None:
    assert parse_query("a=1&a=2&b=") == {"a": "1", "b": ""}


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("1", True), ("yes", True), ("0", False), ("False", False)]
)
def test_flags(text: str, expected: bool) -> None:
    assert flag({"x": text}, "x") is expected
    assert flag({}, "x") is False


@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", ""]),
    st.lists(st.sampled_from(["api", "apis", "v1", "namespaces", "watch", "proxy", "x", ""])),
    st.text(max_size=20),
)
def test_any_path_is_read_without_complaint(method: str, parts: list[str], query: str) -> None:
    info = parse(method, "/" + "/".join(parts), query, _nothing)
    assert info.path.startswith("/")
