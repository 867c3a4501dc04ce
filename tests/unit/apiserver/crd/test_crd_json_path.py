from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.crd.json_path import JsonPathError, json_path

OBJ = {
    "metadata": {"name": "x", "annotations": {"a.b/c": "dotted"}},
    "spec": {"replicas": 3, "list": [{"name": "one", "n": 1}, {"name": "two", "n": 2}]},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True", "ok": True},
            {"type": "Synced", "status": "False", "ok": False},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".spec.replicas", [3]),
        ("spec.replicas", [3]),
        ("{.spec.replicas}", [3]),
        ("$.spec.replicas", [3]),
        (".spec.missing", []),
        (".spec.replicas.deeper", []),
        (".metadata.annotations['a.b/c']", ["dotted"]),
        (r".metadata.annotations.a\.b/c", ["dotted"]),
        (".spec.list[0].name", ["one"]),
        (".spec.list[-1].name", ["two"]),
        (".spec.list[7].name", []),
        (".spec.list[*].name", ["one", "two"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Synced')].status", ["False"]),
        ('.status.conditions[?(@.type != "Ready")].status', ["False"]),
        (".spec.list[?(@.n==2)].name", ["two"]),
        (".status.conditions[?(@.ok==true)].type", ["Ready"]),
        (".spec.list[?(@.absent)].name", []),
        (".", [OBJ]),
    ],
)
def test_a_path_finds_its_values(path: str, values: list[object]) -> None:
    assert json_path(path).values(OBJ) == values


@pytest.mark.parametrize("path", [".spec[", ".spec[?(", ".a b", ".spec.list[?(@.n==1.2.3)]", "[x]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(JsonPathError):
        json_path(path)


json = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=8,
)
steps = st.sampled_from(
    [".a", ".b", "[0]", "[-1]", "[*]", "['a']", '[?(@.a=="x")]', "[?(@.b)]", ".*"]
)


@given(json, st.lists(steps, min_size=1, max_size=4))
def test_a_path_never_fails_on_a_value_of_another_shape(value: object, path: list[str]) -> None:
    assert isinstance(json_path("".join(path)).values(value), list)


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_an_error(text: str) -> None:
    with suppress(JsonPathError):
        assert isinstance(json_path(text).values(OBJ), list)
