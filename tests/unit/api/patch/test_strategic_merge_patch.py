import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.patch import strategic_merge_patch
from grappe.api.schema import builtin_schema

DEPLOYMENT = builtin_schema("apps/v1", "Deployment")
POD = builtin_schema("v1", "Pod")


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **spec}}


def merged(live: dict[str, Any], patch: Any) -> dict[str, Any]:
    before = copy.deepcopy(live)
    result = strategic_merge_patch(live, patch, POD)
    assert live == before
    return result


def names(result: dict[str, Any]) -> list[str]:
    return [c["name"] for c in result["spec"]["containers"]]


def test_lists_of_objects_merge_by_their_key() -> None:
    live = pod({"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"})
    patch = pod({"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]})
    assert merged(live, patch) == pod(
        {
            "name": "a",
            "image": "2",
            "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}],
        },
        {"name": "b"},
    )


def test_lists_without_a_strategy_are_replaced() -> None:
    live = pod({"name": "a", "args": ["x", "y"]})
    assert merged(live, pod({"name": "a", "args": ["z"]})) == pod({"name": "a", "args": ["z"]})


def test_null_removes_a_field() -> None:
    live = pod({"name": "a", "image": "1"}, nodeName="n")
    assert merged(live, {"spec": {"nodeName": None, "hostname": None}}) == pod(
        {"name": "a", "image": "1"}
    )


def test_delete_directive_removes_a_list_entry() -> None:
    live = pod({"name": "a"}, {"name": "b"})
    assert names(merged(live, pod({"name": "a", "$patch": "delete"}))) == ["b"]
    assert names(merged(live, pod({"name": "zzz", "$patch": "delete"}))) == ["a", "b"]


def test_replace_directive_replaces_a_map_or_a_list() -> None:
    live = pod({"name": "a"}, {"name": "b"}, nodeSelector={"x": "1"})
    replaced = merged(live, pod({"$patch": "replace"}, {"name": "c"}))
    assert names(replaced) == ["c"]
    patch = {"spec": {"nodeSelector": {"$patch": "replace", "y": "2"}}}
    assert merged(live, patch)["spec"]["nodeSelector"] == {"y": "2"}
    patch = {"spec": {"nodeSelector": {"$patch": "delete"}}}
    assert merged(live, patch)["spec"]["nodeSelector"] == {}


def test_retain_keys_clears_the_other_fields() -> None:
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge_patch(live, patch, DEPLOYMENT) == {
        "spec": {"strategy": {"type": "Recreate"}}
    }
    with pytest.raises(ApiError, match="invalid patch format of retainKeys"):
        strategic_merge_patch(
            live, {"spec": {"strategy": {"$retainKeys": [], "type": "x"}}}, DEPLOYMENT
        )


def test_element_order_of_the_patch_is_kept() -> None:
    live = pod({"name": "a"}, {"name": "b"}, {"name": "c"})
    order = [{"name": "c"}, {"name": "new"}, {"name": "a"}]
    patch = {
        "spec": {
            "$setElementOrder/containers": order,
            "containers": [{"name": "new", "image": "1"}],
        }
    }
    result = names(merged(live, patch))
    assert [n for n in result if n != "b"] == ["c", "new", "a"]
    with pytest.raises(ApiError, match="doesn't match"):
        merged(
            live,
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                    "containers": [{"name": "b"}, {"name": "a"}],
                }
            },
        )


def test_order_alone_reorders() -> None:
    live = pod({"name": "a", "image": "1"}, {"name": "b"})
    patch = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}
    assert names(merged(live, patch)) == ["b", "a"]


def test_primitive_lists_with_a_merge_strategy() -> None:
    live = {"metadata": {"finalizers": ["a", "b"]}}
    assert merged(live, {"metadata": {"finalizers": ["b", "c"]}}) == {
        "metadata": {"finalizers": ["a", "b", "c"]}
    }
    patch = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "$setElementOrder/finalizers": ["c", "b"],
            "finalizers": ["c"],
        }
    }
    assert merged(live, patch) == {"metadata": {"finalizers": ["c", "b"]}}
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert merged(live, patch) == {"metadata": {"finalizers": ["b"]}}


def test_directives_do_not_leak_into_what_is_new() -> None:
    patch = {
        "spec": {
            "strategy": {"$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": None},
            "template": {
                "spec": {
                    "$setElementOrder/containers": [{"name": "a"}],
                    "containers": [{"name": "a"}, {"name": "b", "$patch": "delete"}],
                }
            },
        }
    }
    assert strategic_merge_patch({}, patch, DEPLOYMENT) == {
        "spec": {
            "strategy": {"type": "Recreate"},
            "template": {"spec": {"containers": [{"name": "a"}]}},
        }
    }


def test_malformed_patches_are_400s() -> None:
    live: dict[str, Any] = {**pod({"name": "a"}), "metadata": {"finalizers": ["a"]}}
    for patch in (
        [],
        pod({"image": "no name"}),
        {"spec": {"$patch": "shout"}},
        pod({"name": "a", "$patch": "shout"}),
        {"spec": {"$setElementOrder/containers": {}}},
        {"spec": {"$deleteFromPrimitiveList/x": 1}},
        pod({"name": {}}),
        {"metadata": {"finalizers": [{}]}},
    ):
        with pytest.raises(ApiError) as caught:
            merged(live, patch)
        assert caught.value.code == 400


entries = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcd")}, optional={"image": st.sampled_from(["1", "2"])}
    ),
    unique_by=lambda c: c["name"],
    max_size=4,
)


@given(entries, entries)
def test_merging_a_list_twice_changes_nothing_more(
    live: list[dict[str, Any]], patch: list[dict[str, Any]]
) -> None:
    once = merged(pod(*live), pod(*patch))
    assert merged(once, pod(*patch)) == once
    assert sorted(names(once)) == sorted({c["name"] for c in live + patch})
    positions = [names(once).index(c["name"]) for c in patch]
    assert positions == sorted(positions)


@given(entries, entries)
def test_a_list_replaced_item_by_item_becomes_the_wanted_one(
    live: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    """What kubectl sends for a change: order, additions, deletions."""
    kept = {c["name"] for c in wanted}
    deletions = [{"name": c["name"], "$patch": "delete"} for c in live if c["name"] not in kept]
    full = [{"image": None, **c} for c in wanted]
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": c["name"]} for c in wanted],
            "containers": full + deletions,
        }
    }
    result = strategic_merge_patch(pod(*live), patch, POD)
    assert [{k: v for k, v in c.items() if v} for c in result["spec"]["containers"]] == wanted


def test_a_list_that_replaces_nothing_brings_only_its_items() -> None:
    patch = {"status": {"podIPs": [{"ip": "10.0.0.1"}, {"$patch": "replace"}]}}
    found = strategic_merge_patch({"status": {}}, patch, builtin_schema("v1", "Pod"))
    assert found == {"status": {"podIPs": [{"ip": "10.0.0.1"}]}}
