from grappe.api.printers import columns
from grappe.api.printers.descriptions import description, table
from grappe.api.resources import BUILTIN


def test_every_text_is_that_of_a_column_and_a_field() -> None:
    known = {(r.kind, c["name"]) for r in BUILTIN for c in columns(r)}
    listed = [(kind, column) for kind, column, _, _ in table()]
    assert len(listed) == len(set(listed))
    for kind, column in listed:
        assert not kind or (kind, column) in known, (kind, column)
        assert description(kind, column), (kind, column)


def test_every_kind_says_what_a_name_is() -> None:
    for resource in BUILTIN:
        texts = {c["name"]: c["description"] for c in columns(resource)}
        assert texts["Name"].startswith("Name must be unique within a namespace."), resource.kind
        if "Age" in texts:
            assert texts["Age"].startswith("CreationTimestamp is a timestamp"), resource.kind


def test_columns_that_show_no_field_say_nothing() -> None:
    assert description("Pod", "Ready") == ""
    assert description("Pod", "IP").startswith("podIP address allocated to the pod.")
