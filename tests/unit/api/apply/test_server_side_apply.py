import contextlib
import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api import Object
from grappe.api.apply import apply, track_update
from grappe.api.errors import ApiError
from grappe.api.schema import DecodingError, Schema, builtin_schema, crd_schema

T1, T2 = "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"
DEPLOYMENT = builtin_schema("apps/v1", "Deployment")
CONFIG_MAP = builtin_schema("v1", "ConfigMap")


def applied(
    live: Object | None,
    configuration: Object,
    manager: str = "a",
    *,
    schema: Schema = DEPLOYMENT,
    api_version: str = "apps/v1",
    force: bool = False,
    now: str = T1,
    **more: Any,
) -> Object:
    before = copy.deepcopy((live, configuration))
    result = apply(
        live,
        configuration,
        manager=manager,
        api_version=api_version,
        schema=schema,
        now=now,
        force=force,
        **more,
    )
    assert (live, configuration) == before
    return result


def deployment(*containers: Any, **spec: Any) -> Object:
    if containers:
        spec["template"] = {"spec": {"containers": list(containers)}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": spec,
    }


def owners(obj: Object) -> dict[str, Any]:
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def containers(obj: Object) -> list[Any]:
    return list(obj["spec"]["template"]["spec"]["containers"])


def test_the_first_apply_creates_and_owns_what_it_says() -> None:
    found = applied(None, deployment({"name": "web", "image": "1"}, replicas=2))
    assert found["metadata"]["managedFields"] == [
        {
            "manager": "a",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": T1,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:spec": {
                    "f:replicas": {},
                    "f:template": {
                        "f:spec": {
                            "f:containers": {
                                'k:{"name":"web"}': {".": {}, "f:image": {}, "f:name": {}}
                            }
                        }
                    },
                }
            },
        }
    ]


def test_fields_no_longer_applied_go_when_nobody_else_owns_them() -> None:
    live = applied(None, deployment({"name": "web", "args": ["x"]}, {"name": "side"}, paused=True))
    live["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"  # a default, owned by nobody
    live = applied(live, deployment(paused=True), "b")
    found = applied(live, deployment({"name": "web"}), now=T2)
    assert containers(found) == [{"name": "web"}]
    assert found["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert found["spec"]["paused"] is True
    found = applied(found, deployment(), "b", now=T2)
    assert "paused" not in found["spec"]


def test_a_struct_goes_with_its_last_owned_field() -> None:
    probe = {"httpGet": {"path": "/", "port": 80}}
    live = applied(None, deployment({"name": "web", "livenessProbe": probe}))
    live["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] = 10
    found = applied(live, deployment({"name": "web"}))
    assert containers(found) == [{"name": "web"}]


def test_what_was_there_before_the_first_apply_is_left_alone() -> None:
    live: Object = deployment(replicas=3, paused=True)
    found = applied(live, deployment(paused=True))
    assert found["spec"] == {"replicas": 3, "paused": True}
    found = applied(found, deployment())
    assert found["spec"] == {"replicas": 3, "paused": True}


def test_a_conflict_names_the_manager_and_the_field() -> None:
    live = deployment(replicas=1)
    track_update(
        None,
        live,
        manager="kubectl-client-side-apply",
        api_version="apps/v1",
        schema=DEPLOYMENT,
        now=T1,
    )
    with pytest.raises(ApiError) as caught:
        applied(live, deployment(replicas=2))
    error = caught.value
    assert (error.code, error.reason) == (409, "Conflict")
    assert error.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: '
        ".spec.replicas"
    )
    assert error.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-client-side-apply" using apps/v1',
                "field": ".spec.replicas",
            }
        ]
    }


def test_many_conflicts_are_listed_by_manager() -> None:
    live = applied(None, deployment({"name": "web", "image": "1"}, replicas=1), "a")
    live = applied(live, deployment(paused=True), "b")
    with pytest.raises(ApiError) as caught:
        applied(live, deployment({"name": "web", "image": "2"}, replicas=2, paused=False), "c")
    assert caught.value.message == (
        'Apply failed with 3 conflicts: conflicts with "a":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="web"].image\n'
        'conflicts with "b":\n'
        "- .spec.paused"
    )


def test_force_takes_the_fields_over() -> None:
    live = applied(None, deployment({"name": "web"}, replicas=1), "a")
    found = applied(live, deployment(replicas=2), "b", force=True)
    assert found["spec"]["replicas"] == 2
    assert owners(found)["b"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners(found)["a"]["f:spec"]


def test_the_same_value_is_shared_without_a_conflict() -> None:
    live = applied(None, deployment(replicas=1), "a")
    found = applied(live, deployment(replicas=1), "b")
    assert owners(found)["a"] == owners(found)["b"] == {"f:spec": {"f:replicas": {}}}


def test_removing_a_field_another_shares_keeps_it() -> None:
    live = applied(None, deployment(replicas=1, paused=True), "a")
    live = applied(live, deployment(replicas=1), "b")
    found = applied(live, deployment(paused=True), "a")
    assert found["spec"] == {"replicas": 1, "paused": True}
    assert owners(found) == {"a": {"f:spec": {"f:paused": {}}}, "b": {"f:spec": {"f:replicas": {}}}}


def test_applying_the_same_again_changes_nothing_at_all() -> None:
    configuration = deployment({"name": "web", "image": "1"}, replicas=1)
    live = applied(None, configuration, now=T1)
    assert applied(live, configuration, now=T2) == live


def test_list_entries_merge_by_key_in_the_applied_order() -> None:
    live = deployment({"name": "x"}, {"name": "b", "image": "1"}, {"name": "y"}, {"name": "a"})
    found = applied(live, deployment({"name": "a"}, {"name": "new"}, {"name": "b", "tty": True}))
    names = [c["name"] for c in containers(found)]
    assert [n for n in names if n in ("a", "new", "b")] == ["a", "new", "b"]
    assert sorted(names) == ["a", "b", "new", "x", "y"]
    assert {"name": "b", "image": "1", "tty": True} in containers(found)


def test_keys_with_a_default_may_be_left_out() -> None:
    port = {"containerPort": 80}
    live = applied(None, deployment({"name": "web", "ports": [port]}))
    live["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP"
    found = applied(live, deployment({"name": "web", "ports": [{**port, "name": "http"}]}))
    assert containers(found)[0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP", "name": "http"}
    ]
    key = 'k:{"containerPort":80,"protocol":"TCP"}'
    fields = owners(found)["a"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert key in fields['k:{"name":"web"}']["f:ports"]


def test_entries_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ApiError) as caught:
        applied(None, deployment({"name": "web"}, {"name": "web"}))
    assert caught.value.code == 400
    assert caught.value.message == (
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): "
        '.spec.template.spec.containers: duplicate entries for key [name="web"]'
    )
    with pytest.raises(ApiError, match=r'element 0: .* omits key field "name"'):
        applied(None, deployment({"image": "x"}))


def test_sets_of_scalars_are_owned_value_by_value() -> None:
    def with_finalizers(*names: str) -> Object:
        obj = deployment()
        del obj["spec"]
        obj["metadata"]["finalizers"] = list(names)
        return obj

    live = applied(None, with_finalizers("x/a", "x/b"), "one")
    live = applied(live, with_finalizers("x/c"), "two")
    found = applied(live, with_finalizers("x/b"), "one")
    assert sorted(found["metadata"]["finalizers"]) == ["x/b", "x/c"]
    assert owners(found)["two"] == {"f:metadata": {"f:finalizers": {'v:"x/c"': {}}}}


def test_atomic_fields_are_replaced_as_a_whole() -> None:
    live = applied(None, deployment(selector={"matchLabels": {"a": "1", "b": "2"}}))
    found = applied(live, deployment(selector={"matchLabels": {"a": "1"}}))
    assert found["spec"]["selector"] == {"matchLabels": {"a": "1"}}
    assert owners(found)["a"] == {"f:spec": {"f:selector": {}}}


def test_ignored_fields_are_neither_merged_nor_owned() -> None:
    configuration = {**deployment(replicas=1), "status": {"replicas": 5}}
    found = applied(None, configuration, reset_fields=[("status",)])
    assert "status" not in found
    assert owners(found) == {"a": {"f:spec": {"f:replicas": {}}}}


def test_subresources_apply_under_their_own_entry() -> None:
    live = applied(None, deployment(replicas=1))
    status = {"metadata": {"name": "web"}, "status": {"readyReplicas": 1}}
    found = applied(live, status, subresource="status")
    entries = found["metadata"]["managedFields"]
    assert [e.get("subresource") for e in entries] == [None, "status"]
    assert found["spec"] == {"replicas": 1}


def test_kubectl_takes_over_what_it_applied_client_side() -> None:
    configuration = deployment(replicas=1)
    live = copy.deepcopy(configuration)
    live["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": orjson.dumps(configuration).decode()
    }
    track_update(
        None,
        live,
        manager="kubectl-client-side-apply",
        api_version="apps/v1",
        schema=DEPLOYMENT,
        now=T1,
    )
    with pytest.raises(ApiError):
        applied(live, deployment(replicas=2), "somebody")
    found = applied(live, deployment(replicas=2), "kubectl")
    assert found["spec"]["replicas"] == 2
    annotation = found["metadata"]["annotations"][
        "kubectl.kubernetes.io/last-applied-configuration"
    ]
    assert orjson.loads(annotation)["spec"] == {"replicas": 2}


def test_wrong_version_and_managed_fields_are_refused() -> None:
    with pytest.raises(ApiError, match="Incorrect version specified in apply patch"):
        applied(None, {**deployment(), "apiVersion": "apps/v2"})
    configuration = deployment()
    configuration["metadata"]["managedFields"] = []
    with pytest.raises(ApiError, match=r"metadata\.managedFields must be nil"):
        applied(None, configuration)


def test_free_form_parts_of_custom_resources_merge_field_by_field() -> None:
    schema = crd_schema(None)

    def custom(**spec: Any) -> Object:
        return {"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "a"}, "spec": spec}

    live = applied(None, custom(a={"x": 1}, l=[1]), "one", schema=schema, api_version="x/v1")
    found = applied(live, custom(a={"y": 2}), "two", schema=schema, api_version="x/v1")
    assert found["spec"] == {"a": {"x": 1, "y": 2}, "l": [1]}
    found = applied(found, custom(l=[2]), "one", schema=schema, api_version="x/v1")
    assert found["spec"] == {"a": {"y": 2}, "l": [2]}


# -- properties ------------------------------------------------------------------------------------

entries = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abc")},
        optional={
            "image": st.sampled_from(["1", "2"]),
            "args": st.lists(st.sampled_from("xy"), max_size=2),
            "env": st.lists(
                st.fixed_dictionaries(
                    {"name": st.sampled_from("EF")}, optional={"value": st.just("v")}
                ),
                unique_by=lambda e: e["name"],
                max_size=2,
            ),
        },
    ),
    unique_by=lambda c: c["name"],
    min_size=1,
    max_size=3,
)
configurations = st.builds(
    lambda found, spec: deployment(*found, **spec),
    entries,
    st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 2), "paused": st.booleans()}),
)


@given(configurations, configurations)
def test_applying_twice_is_applying_once(first: Object, second: Object) -> None:
    live = applied(None, first, "one")
    once = applied(live, second, "two", force=True)
    assert applied(once, second, "two", now=T2) == once


def scribble(value: Any) -> None:
    """Change everything that can be changed in place."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            scribble(inner)
    if isinstance(value, dict):
        value["scribbled"] = True
    else:
        value.append("scribbled")


@given(configurations)
def test_the_result_shares_nothing_with_the_configuration(configuration: Object) -> None:
    configuration["spec"]["selector"] = {"matchLabels": {"a": "b"}}
    before = copy.deepcopy(configuration)
    result = applied(None, configuration)
    del result["metadata"]["managedFields"]
    scribble(result)
    assert configuration == before


@given(configurations)
def test_an_apply_yields_what_it_says(configuration: Object) -> None:
    found = applied(None, configuration)
    assert found["spec"] == configuration["spec"]


@given(configurations, configurations)
def test_a_sole_applier_gets_exactly_its_last_configuration(first: Object, second: Object) -> None:
    found = applied(applied(None, first), second)
    fresh = applied(None, second)
    assert owners(found) == owners(fresh)

    def by_name(obj: Object) -> dict[str, Any]:
        """An emptied list is the same as none."""
        return {c["name"]: {k: v for k, v in c.items() if v != []} for c in containers(obj)}

    assert by_name(found) == by_name(fresh)


@given(configurations, configurations)
def test_appliers_of_the_same_field_own_it_together_or_conflict(a: Object, b: Object) -> None:
    live = applied(None, a, "one")
    alone = owners(applied(None, b, "two"))["two"]
    forced = applied(live, b, "two", force=True)
    assert owners(forced)["two"] == alone
    with contextlib.suppress(ApiError):
        found = applied(live, b, "two")
        assert found == forced
        assert owners(found)["one"] == owners(live)["one"]


@given(
    st.dictionaries(st.sampled_from("abc"), st.just("1")),
    st.dictionaries(st.sampled_from("xyz"), st.just("2")),
)
def test_appliers_of_different_fields_commute(a: dict[str, str], b: dict[str, str]) -> None:
    def config(data: dict[str, str]) -> Object:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data}

    def both(*order: tuple[str, dict[str, str]]) -> Object | None:
        live: Object | None = None
        for manager, data in order:
            live = applied(live, config(data), manager, schema=CONFIG_MAP, api_version="v1")
        return live

    one, two = both(("one", a), ("two", b)), both(("two", b), ("one", a))
    assert one is not None
    assert two is not None
    assert one["data"] == two["data"] == {**a, **b}
    assert owners(one) == owners(two)


def test_what_was_there_before_anything_was_owned_is_not_taken_by_accident() -> None:
    live = {"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}}
    wanted = {"apiVersion": "v1", "metadata": {"name": "a"}, "data": {"x": "2"}}
    with pytest.raises(ApiError) as caught:
        applied(live, wanted, schema=CONFIG_MAP, api_version="v1")
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.x'
    )
    forced = applied(live, wanted, schema=CONFIG_MAP, api_version="v1", force=True)
    assert owners(forced) == {
        "a": {"f:data": {"f:x": {}}},
        "before-first-apply": {"f:data": {".": {}, "f:y": {}}},
    }


NAMES = ["spec", "template", "containers", "name", "ports", "env", "metadata", "labels", "x"]
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "b", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=12,
)


def read(spec: Any) -> Object:
    """As the server reads what clients send; DecodingError for what it refuses."""
    found: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": spec}
    DEPLOYMENT.decode(found)
    return found


@given(json_values, json_values, json_values)
@settings(deadline=None)
def test_whatever_can_be_read_is_applied_or_refused(live: Any, first: Any, second: Any) -> None:
    with contextlib.suppress(ApiError, DecodingError):
        once = applied(read(live), read(first), "one")
        applied(once, read(second), "two", force=True)
        applied(once, read(second), "one", now=T2)
