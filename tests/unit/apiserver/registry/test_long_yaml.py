"""Long YAML bodies are read beside the event loop, and come to the same."""

import pytest

from grappe.apiserver.registry.limits import MAX_NODES
from grappe.apiserver.registry.yaml_bodies import (
    ParsedBody,
    is_long_yaml,
    parsed,
    read_yaml,
    repeated_keys,
)

YAML = {"content-type": "application/yaml"}
APPLY = {"content-type": "application/apply-patch+yaml"}
LONG = b"a: [" + b"1, " * 40_000 + b"1]"


@pytest.mark.parametrize(
    "body",
    [b"a: {b: [1, x, null]}", b"a: 1\na: 2", b"2001-01-01: x"],
    ids=["plain", "twice", "date"],
)
async def test_what_is_read_beside_is_what_would_have_been_read(body):
    found = await parsed(body)
    assert found == body
    assert read_yaml(found) == read_yaml(body)
    assert repeated_keys(found) == repeated_keys(body)


@pytest.mark.parametrize("body", [b"a: [", b"\xff", b"[" * 5000], ids=["open", "bytes", "deep"])
async def test_what_cannot_be_read_is_told_when_it_is_asked_for(body):
    with pytest.raises(ValueError) as told:
        read_yaml(body)
    found = await parsed(body)
    with pytest.raises(ValueError) as told_later:
        read_yaml(found)
    assert str(told_later.value) == str(told.value)


async def test_more_values_than_any_object_has_are_refused_before_they_fill_the_memory():
    found = await parsed(b"[" + b"1," * 600_000 + b"1]")
    with pytest.raises(ValueError, match=f"more than {MAX_NODES} values; send it as JSON"):
        read_yaml(found)


def test_only_long_yaml_is():
    assert is_long_yaml(LONG, YAML)
    assert is_long_yaml(LONG, APPLY)
    assert not is_long_yaml(LONG, {"content-type": "application/json"})
    assert not is_long_yaml(b"a: 1", YAML)
    assert not is_long_yaml(b'{"a": [' + b"1, " * 40_000 + b"1]}", APPLY)
    assert not is_long_yaml(ParsedBody(LONG), YAML)
