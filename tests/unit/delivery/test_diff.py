from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.diff.managed_fields import remove_owned
from grappe.delivery.diff.normalize import comparable, keep_live, lookup, remove_pointers


def deployment(replicas=1, **meta):
    containers = [{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", **meta},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}},
        "status": {"replicas": replicas},
    }


def test_what_the_server_keeps_for_itself_makes_no_difference():
    one = deployment(resourceVersion="1", generation=1, managedFields=[], uid="u")
    two = {**deployment(resourceVersion="2", generation=2), "status": {"replicas": 9}}
    assert comparable(one) == comparable(two)
    assert one["status"] == {"replicas": 1}


def test_pointers_take_fields_out_and_lead_through_lists():
    obj = deployment()
    remove_pointers(
        obj,
        ["/spec/replicas", "/spec/template/spec/containers/1/image", "/no/where", "/spec/x/0"],
    )
    assert "replicas" not in obj["spec"]
    assert obj["spec"]["template"]["spec"]["containers"][1] == {"name": "side"}


def test_pointers_with_slashes_and_tildes_are_unescaped():
    obj = {"metadata": {"annotations": {"a/b~c": "x", "keep": "y"}}}
    remove_pointers(obj, ["/metadata/annotations/a~1b~0c"])
    assert obj == {"metadata": {"annotations": {"keep": "y"}}}


def test_live_values_are_kept_where_differences_are_ignored():
    target, live = deployment(1), deployment(5)
    del live["spec"]["template"]["spec"]["containers"][0]["image"]
    kept = keep_live(target, live, ["/spec/replicas", "/spec/template/spec/containers/0/image"])
    assert kept["spec"]["replicas"] == 5
    assert "image" not in kept["spec"]["template"]["spec"]["containers"][0]
    assert target == deployment(1)


@given(st.lists(st.text("/~01ab", max_size=6).map(lambda t: "/" + t), max_size=4))
def test_any_pointer_is_followed_or_leads_nowhere(pointers):
    obj = {"a": {"b": [1, {"a": 2}]}, "0": [[]], "metadata": {}}
    remove_pointers(obj, pointers)
    keep_live(obj, obj, pointers)
    assert lookup({"a": 1}, ["a", "b", "c"]) is None


def owned(manager, fields):
    return {"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}


def test_fields_of_trusted_managers_are_taken_out_of_both_states():
    fields = {
        "f:metadata": {"f:labels": {"f:theirs": {}}, "f:finalizers": {'v:"x/y"': {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"side"}': {
                ".": {}, "f:image": {}}}}},
        },
    }  # fmt: skip
    meta = {"labels": {"theirs": "1", "ours": "2"}, "finalizers": ["x/y", "z"]}
    live = deployment(5, managedFields=[owned("hpa", fields), owned("git", {"f:kind": {}})], **meta)
    ours, theirs = deployment(1, **meta), deployment(5, **meta)
    ours["spec"]["template"]["spec"]["containers"][1]["image"] = "other"
    remove_owned((ours, theirs), live, ["hpa"])
    del ours["status"], theirs["status"]
    assert ours == theirs
    assert ours["metadata"]["labels"] == {"ours": "2"}
    assert ours["metadata"]["finalizers"] == ["z"]
    assert ours["kind"] == "Deployment"
