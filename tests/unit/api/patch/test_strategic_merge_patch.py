import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.patch import strategic_merge_patch
from grappe.api.schema import builtin_schema
from grappe.api.schema.node import Node

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
    with pytest.raises(ApiError, match=r"patch content doesn.t match retainKeys list"):
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


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        (
            pod({"image": "web:2", "ports": [{"containerPort": 1}]}),
            "map: map[image:web:2 ports:[map[containerPort:1]]] does not contain declared merge "
            "key: name",
        ),
        ({"spec": {"$patch": "shout", "x": None}}, "unknown patch type: shout in map: "
         "map[$patch:shout x:<nil>]"),
        ({"spec": {"$retainKeys": "x"}}, "invalid patch format of retainKeys"),
        (
            {"spec": {"$retainKeys": ["hostNetwork"], "hostPID": True}},
            "patch content doesn't match retainKeys list",
        ),
        (
            {"spec": {"$setElementOrder/containers": 1}},
            "invalid patch format of setElementOrder list",
        ),
        (
            {"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}},
            "invalid patch format of primitive list",
        ),
        (
            {
                "metadata": {
                    "finalizers": ["b", "a"],
                    "$setElementOrder/finalizers": ["a", "b"],
                }
            },
            "The order in patch list:\n[b a]\n doesn't match $setElementOrder list:\n[a b]\n",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_patch_is_told_in_kubernetes_words(patch: Any, told: str) -> None:
    live: dict[str, Any] = {**pod({"name": "a"}), "metadata": {"finalizers": ["a"]}}
    with pytest.raises(ApiError) as caught:
        merged(live, patch)
    assert caught.value.message == told


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


directives = st.dictionaries(
    st.sampled_from(
        [
            "$patch",
            "$retainKeys",
            "$setElementOrder/containers",
            "$setElementOrder/finalizers",
            "$deleteFromPrimitiveList/finalizers",
            "$setElementOrder/",
            "containers",
            "finalizers",
            "volumes",
            "emptyDir",
            "name",
            "env",
        ]
    ),
    st.deferred(lambda: anything),
    max_size=3,
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2)
    | st.sampled_from(["a", "b", "delete", "replace", "merge"]),
    lambda inner: st.lists(inner | directives, max_size=3) | directives,
    max_leaves=10,
)


@given(anything, anything, anything)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_patch_is_merged_or_refused(spec: Any, about: Any, live: Any) -> None:
    document = {"metadata": {"finalizers": ["a"]}, "spec": live}
    before = copy.deepcopy(document)
    with suppress(ApiError):
        strategic_merge_patch(document, {"spec": spec, "metadata": about}, POD)
    assert document == before


def difference(a: Any, b: Any, node: Node) -> Any:
    """The strategic patch that makes `a` into `b`, as kubectl finds it; None when they are the
    same."""
    if isinstance(a, dict) and isinstance(b, dict):
        found: dict[str, Any] = {key: None for key in a if key not in b}
        for key, value in b.items():
            if key not in a:
                found[key] = value
            elif a[key] != value:
                child = node.child(key)
                assert child is not None
                found |= field_difference(key, a[key], value, child)
        if "retainKeys" in node.patch_strategies:
            found["$retainKeys"] = sorted(b)
        return found
    return b


def field_difference(key: str, a: Any, b: Any, node: Node) -> dict[str, Any]:
    if not isinstance(b, list) or "merge" not in node.patch_strategies:
        return {key: difference(a, b, node)}
    merge_key = node.patch_merge_key
    if not merge_key:
        return {
            f"$setElementOrder/{key}": b,
            f"$deleteFromPrimitiveList/{key}": [v for v in a if v not in b],
            key: [v for v in b if v not in a],
        }
    had = {item[merge_key]: item for item in a}
    has = {item[merge_key] for item in b}
    changed = []
    for item in b:
        before = had.get(item[merge_key])
        if before is None:
            changed.append(item)
        elif before != item:
            patch = difference(before, item, node.items)
            changed.append({**patch, merge_key: item[merge_key]})
    gone = [{merge_key: name, "$patch": "delete"} for name in had if name not in has]
    order = [{merge_key: item[merge_key]} for item in b]
    return {f"$setElementOrder/{key}": order, key: [*changed, *gone]}


def keyed(key: str, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    item = st.fixed_dictionaries({key: st.sampled_from("abc")}, optional=optional)
    return st.lists(item, unique_by=lambda found: found[key], max_size=3)


words = st.sampled_from(["x", "y"])
maps = st.dictionaries(st.sampled_from("pq"), words)
pods = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "labels": maps,
                "finalizers": st.lists(st.sampled_from("abc"), unique=True),
            },
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "containers": keyed(
                    "name", image=words, env=keyed("name", value=words), args=st.lists(words)
                ),
                "volumes": keyed(
                    "name", emptyDir=st.just({}), secret=st.builds(dict, secretName=words)
                ),
                "tolerations": st.lists(st.builds(dict, key=words), max_size=2),
                "nodeSelector": maps,
                "hostNetwork": st.booleans(),
            },
        ),
    }
)


@given(pods, pods)
@settings(deadline=None)
def test_the_difference_of_two_pods_leads_from_one_to_the_other(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    assert merged(a, difference(a, b, POD.root)) == b
