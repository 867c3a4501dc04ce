import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.patch import json_patch, unknown_members

DOC = {"spec": {"replicas": 1, "items": ["a", "b"]}, "a/b": {"m~n": 1}}


@pytest.mark.parametrize(
    ("operation", "path", "value"),
    [
        ({"op": "add", "path": "/spec/new", "value": {"x": 1}}, ["spec", "new"], {"x": 1}),
        ({"op": "add", "path": "/spec/items/-", "value": "c"}, ["spec", "items"], ["a", "b", "c"]),
        ({"op": "add", "path": "/spec/items/0", "value": "c"}, ["spec", "items"], ["c", "a", "b"]),
        ({"op": "replace", "path": "/spec/replicas", "value": None}, ["spec", "replicas"], None),
        ({"op": "add", "path": "/spec/x"}, ["spec", "x"], None),
        ({"op": "replace", "path": "/a~1b/m~0n", "value": 2}, ["a/b", "m~n"], 2),
        ({"op": "remove", "path": "/spec/items/-1"}, ["spec", "items"], ["a"]),
        ({"op": "move", "from": "/spec/replicas", "path": "/n"}, ["n"], 1),
        ({"op": "copy", "from": "/spec/items", "path": "/n"}, ["n"], ["a", "b"]),
        ({"op": "test", "path": "/spec/replicas", "value": 1.0}, ["spec", "replicas"], 1),
        ({"op": "test", "path": "/spec/absent", "value": None}, ["spec", "replicas"], 1),
    ],
    ids=lambda v: v["op"] if isinstance(v, dict) and "op" in v else "",
)
def test_operations(operation: dict[str, Any], path: list[str], value: Any) -> None:
    before = copy.deepcopy(DOC)
    found: Any = json_patch(DOC, [operation])
    for part in path:
        found = found[part]
    assert found == value
    assert before == DOC


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/spec/absent"},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "add", "path": "/spec/items/5", "value": 1},
        {"op": "add", "path": "/absent/x", "value": 1},
        {"op": "test", "path": "/spec/replicas", "value": True},
        {"op": "test", "path": "/spec/absent", "value": 1},
        {"op": "move", "from": "/spec", "path": "/spec/x"},
        {"op": "shout", "path": "/spec"},
        {"op": "remove", "path": ""},
        {"op": "add", "value": 1},
    ],
    ids=str,
)
def test_what_does_not_fit_is_a_422(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch(DOC, [operation])
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")


def test_malformed_and_oversized_patches() -> None:
    with pytest.raises(ApiError) as caught:
        json_patch(DOC, {"op": "add"})
    assert caught.value.code == 400
    with pytest.raises(ApiError, match="The allowed maximum operations in a JSON patch is 10000"):
        json_patch(DOC, [{}] * 10_001)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), values), st.text(max_size=5), values)
def test_add_then_test_holds_and_remove_undoes(doc: dict[str, Any], key: str, value: Any) -> None:
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    added = json_patch(doc, [{"op": "add", "path": path, "value": value}])
    assert json_patch(added, [{"op": "test", "path": path, "value": value}]) == added
    if key not in doc:
        assert json_patch(added, [{"op": "remove", "path": path}]) == doc


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ({"op": 1}, "json: cannot unmarshal number into Go struct field jsonPatchOp.op"),
        ({"path": True}, "json: cannot unmarshal bool into Go struct field jsonPatchOp.path"),
        ({"from": []}, "json: cannot unmarshal array into Go struct field jsonPatchOp.from"),
        ({"path": {}}, "json: cannot unmarshal object into Go struct field jsonPatchOp.path"),
    ],
)
def test_members_of_another_type_are_a_400(operation: dict[str, Any], told: str) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch(DOC, [operation])
    assert caught.value.code == 400
    assert caught.value.message == f"error decoding patch: {told} of type string"


def test_copies_of_copies_are_stopped() -> None:
    """Each doubles what there is: forty would be a terabyte."""
    doc = {"a": ["x" * 100]}
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 40
    with pytest.raises(ApiError) as caught:
        json_patch(doc, doubling)
    assert caught.value.code == 422
    assert len(json_patch(doc, doubling[:10])["a"]) == 11


def test_members_that_no_operation_has_are_told() -> None:
    operations = [{"op": "test", "path": "", "value": 1}, {"op": "remove", "vlaue": 1}]
    assert unknown_members(operations) == ['json patch unknown field "[1].vlaue"']


pointers = st.lists(st.sampled_from(["a", "0", "-", "-1", "~1", "", "99"])).map(
    lambda parts: "".join("/" + part for part in parts)
)
operations = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"])},
        optional={"path": pointers | values, "from": pointers | values, "value": values},
    ),
    max_size=6,
)


@given(st.dictionaries(st.sampled_from(["a", "0", "-", ""]), values), operations)
def test_any_patch_is_applied_or_refused(doc: dict[str, Any], patch: list[Any]) -> None:
    before = copy.deepcopy(doc)
    with suppress(ApiError):
        json_patch(doc, patch)
    assert doc == before


def difference(a: Any, b: Any, path: str = "") -> list[dict[str, Any]]:
    """The operations that make `a` into `b`."""
    if not (isinstance(a, dict) and isinstance(b, dict)):
        same = a == b and isinstance(a, bool) == isinstance(b, bool)
        return [] if same else [{"op": "replace", "path": path, "value": b}]
    found: list[dict[str, Any]] = []
    for key in {**a, **b}:
        place = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in b:
            found.append({"op": "remove", "path": place})
        elif key not in a:
            found.append({"op": "add", "path": place, "value": b[key]})
        else:
            found += difference(a[key], b[key], place)
    return found


documents = st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(documents, documents)
def test_the_difference_of_two_documents_leads_from_one_to_the_other(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    assert json_patch(a, difference(a, b)) == b
