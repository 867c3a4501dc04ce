"""Discovery documents with what other servers answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.discovery.remote import (
    RemoteVersion,
    readable,
    with_remote_definitions,
    with_remote_discovery,
    with_remote_groups,
)

LOCAL = {"groupVersion": "apps/v1", "version": "v1"}


def test_a_version_of_a_group_that_is_there_comes_after_its_own() -> None:
    document = {"groups": [{"name": "apps", "versions": [LOCAL], "preferredVersion": LOCAL}]}
    remote = [RemoteVersion("apps", "v9", True), RemoteVersion("new", "v1", False)]
    merged = with_remote_groups(document, remote)["groups"]
    assert [(g["name"], [v["version"] for v in g["versions"]]) for g in merged] == [
        ("apps", ["v1", "v9"]),
        ("new", ["v1"]),
    ]
    assert merged[0]["preferredVersion"] == LOCAL
    assert document["groups"][0]["versions"] == [LOCAL]  # left alone


def test_a_version_that_should_be_preferred_comes_first() -> None:
    document = {"groups": [{"name": "apps", "versions": [LOCAL], "preferredVersion": LOCAL}]}
    remote = [RemoteVersion("apps", "v9", True, before=frozenset(["v1"]))]
    (group,) = with_remote_groups(document, remote)["groups"]
    assert [v["version"] for v in group["versions"]] == ["v9", "v1"]
    assert group["preferredVersion"]["version"] == "v9"
    item = {"metadata": {"name": "apps"}, "versions": [{"version": "v1"}]}
    (found,) = with_remote_discovery({"items": [item]}, remote)["items"]
    assert [v["version"] for v in found["versions"]] == ["v9", "v1"]


def test_only_ones_own_paths_are_taken_over_and_no_definition_is_replaced() -> None:
    document = {"paths": {"/api/": {}}, "definitions": {"a": {"x": 1}}}
    theirs = {
        "paths": {"/apis/g/v1/things": {"get": {}}, "/apis/other/v1/x": {}},
        "definitions": {"a": {"x": 2}, "b": {}},
    }
    remote = [RemoteVersion("g", "v1", True, openapi_v2=theirs)]
    merged = with_remote_definitions(document, remote)
    assert merged["paths"] == {"/api/": {}, "/apis/g/v1/things": {"get": {}}}
    assert merged["definitions"] == {"a": {"x": 1}, "b": {}}


_texts = st.lists(st.text(max_size=3), max_size=2)
_values = st.none() | st.booleans() | st.text(max_size=4) | _texts
_entries = st.lists(
    _values
    | st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "a/status", "c/x", "/x", ""]) | _values},
        optional={"verbs": _values, "kind": st.text(), "namespaced": _values},
    ),
    max_size=6,
)


@given(_entries | _values)
def test_whatever_another_server_lists_makes_a_document(entries: Any) -> None:
    remote = [RemoteVersion("g", "v1", True, readable(entries))]
    merged = with_remote_discovery({"items": []}, remote)
    (version,) = merged["items"][0]["versions"]
    assert all(resource["resource"] for resource in version["resources"])
