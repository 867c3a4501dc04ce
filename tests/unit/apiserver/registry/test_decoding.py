from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.apiserver.registry.decoding import check_kind, duplicate_fields, read_body
from grappe.apiserver.registry.yaml_bodies import read_yaml, repeated_keys

JSON = {"content-type": "application/json; charset=utf-8"}


def _duplicates(text: bytes) -> list[str]:
    return duplicate_fields(text, JSON, orjson.loads(text))


def test_repeated_fields_are_named_by_their_path() -> None:
    text = b'{"a":1,"b":[{"c":1},{"d":2,"d":3}],"a":2,"e":{"f":{"g":1,"g":1}}}'
    assert _duplicates(text) == [
        'duplicate field "a"',
        'duplicate field "b[1].d"',
        'duplicate field "e.f.g"',
    ]


@given(
    st.recursive(
        st.text(max_size=5) | st.integers(-5, 5) | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    )
)
def test_an_object_without_repetitions_has_none(value: Any) -> None:
    for option in (0, orjson.OPT_INDENT_2):
        assert _duplicates(orjson.dumps({"value": value}, option=option)) == []


def test_yaml_keeps_dates_as_text_and_makes_keys_text() -> None:
    assert read_yaml(b"day: 2026-01-31\n2: two\nyes: on\n") == {
        "day": "2026-01-31",
        "2": "two",
        "true": True,
    }


@pytest.mark.parametrize("text", [b"a: [", b"\xff\xfa", b"a: &x [*x]", b"!!python/object:os.x {}"])
def test_yaml_that_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        read_yaml(text)


def test_the_error_names_the_kind_expected_and_the_beginning_of_the_body() -> None:
    with pytest.raises(ApiError) as caught:
        read_body(b"<html>" + b"x" * 100, JSON, "Pod")
    assert caught.value.code == 400
    assert "must be of type Pod" in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("obj", [{"kind": 3}, {"apiVersion": []}, {"kind": "Service"}])
def test_another_kind_is_refused(obj: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        check_kind(obj, "v1", "Pod")
    assert caught.value.code == 400


def test_keys_repeated_in_yaml_are_named_by_their_line() -> None:
    text = b"a: 1\nb:\n- c: &x {d: 1}\n  c: *x\n- *x\na: 2\n"
    assert repeated_keys(text) == [
        'line 4: key "c" already set in map',
        'line 6: key "a" already set in map',
    ]
    assert repeated_keys(b"") == []
