import pytest

from grappe.apiserver.crd.columns import DEFAULT_COLUMNS, column_cells, column_definitions
from grappe.base.clock import parse_rfc3339

NOW = parse_rfc3339("2026-01-01T01:00:00Z")


def cell(value: object, kind: str):
    obj = {"metadata": {"name": "x"}, "value": value}
    return column_cells([{"name": "V", "type": kind, "jsonPath": ".value"}], obj, NOW)[1]


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        ("text", "string", "text"),
        (3, "string", "3"),
        (True, "string", "true"),
        (["a", 1], "string", '["a",1]'),
        (3, "integer", 3),
        (3.7, "integer", 3),
        ("3", "integer", None),
        (2, "number", 2.0),
        (True, "boolean", True),
        ("yes", "boolean", None),
        ("2026-01-01T00:58:00Z", "date", "2m"),
        ("tomorrow", "date", "<invalid>"),
        (None, "string", None),
    ],
)
def test_a_cell_shows_a_value_by_its_type(value: object, kind: str, shown: object) -> None:
    assert cell(value, kind) == shown


def test_a_missing_value_and_an_unknown_path_are_empty() -> None:
    columns = [
        {"name": "A", "type": "string", "jsonPath": ".no.such"},
        {"name": "B", "type": "string", "jsonPath": "..recursive"},
    ]
    assert column_cells(columns, {"metadata": {"name": "x"}}, NOW) == ["x", None, None]


def test_the_name_comes_first_and_age_is_the_default() -> None:
    obj = {"metadata": {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    assert [c["name"] for c in column_definitions(DEFAULT_COLUMNS)] == ["Name", "Age"]
    assert column_cells(DEFAULT_COLUMNS, obj, NOW) == ["x", "60m"]


def test_a_column_keeps_its_priority_and_format() -> None:
    column = {"name": "A", "type": "integer", "jsonPath": ".a", "priority": 1, "format": "int32"}
    found = column_definitions([column])[1]
    assert (found["priority"], found["format"], found["type"]) == (1, "int32", "integer")
