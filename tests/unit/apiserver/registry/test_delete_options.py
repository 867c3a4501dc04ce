"""DeleteOptions as clients send them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.apiserver.registry.deleting import options_from


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"gracePeriodSeconds": "1"}, "string into Go struct field "
         "DeleteOptions.gracePeriodSeconds of type int64"),
        ({"gracePeriodSeconds": True}, "bool into Go struct field "
         "DeleteOptions.gracePeriodSeconds of type int64"),
        ({"gracePeriodSeconds": 2**63}, "number 9223372036854775808 into Go struct field "
         "DeleteOptions.gracePeriodSeconds of type int64"),
        ({"preconditions": []}, "array into Go struct field DeleteOptions.preconditions of type "
         "v1.Preconditions"),
        ({"preconditions": {"uid": 1}}, "number into Go struct field "
         "DeleteOptions.preconditions.uid of type types.UID"),
        ({"dryRun": [{}]}, "object into Go struct field DeleteOptions.dryRun of type string"),
    ],
)  # fmt: skip
def test_fields_of_another_type_are_named(body: dict[str, Any], told: str) -> None:
    with pytest.raises(ApiError) as caught:
        options_from(body)
    assert caught.value.code == 400
    assert caught.value.message == (
        'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot '
        f"unmarshal {told}"
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["All", "Orphan", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["uid", "resourceVersion"]), inner, max_size=2)
    ),
    max_leaves=4,
)
FIELDS = ("gracePeriodSeconds", "propagationPolicy", "orphanDependents", "preconditions", "dryRun")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values)))
def test_any_options_are_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(ApiError):
        found = options_from(body)
        assert isinstance(found.uid, str)
        assert isinstance(found.resource_version, str)
        assert found.grace is None or found.grace >= 0


def causes(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(ApiError) as caught:
        options_from(body)
    assert (caught.value.code, caught.value.details["kind"]) == (422, "DeleteOptions")
    return [(c["field"], c["reason"], c["message"]) for c in caught.value.details["causes"]]


def test_all_that_is_wrong_is_told() -> None:
    supported = 'supported values: "Foreground", "Background", "Orphan", "nil"'
    wrong = {"orphanDependents": True, "propagationPolicy": "x", "dryRun": ["Some"]}
    assert causes(wrong) == [
        (
            "propagationPolicy",
            "FieldValueInvalid",
            'Invalid value: "x": orphanDependents and deletionPropagation cannot be both set',
        ),
        ("propagationPolicy", "FieldValueNotSupported", f'Unsupported value: "x": {supported}'),
        (
            "dryRun",
            "FieldValueNotSupported",
            'Unsupported value: ["Some"]: supported values: "All"',
        ),
    ]
    assert causes({"propagationPolicy": ""}) == [
        ("propagationPolicy", "FieldValueNotSupported", f'Unsupported value: "": {supported}')
    ]


@pytest.mark.parametrize(("orphans", "policy"), [(True, "Orphan"), (False, "Background")])
def test_orphan_dependents_is_an_older_way_to_name_a_policy(orphans: bool, policy: str) -> None:
    found = options_from({"orphanDependents": orphans})
    assert (found.propagation, found.cascades) == (policy, not orphans)
