"""What is taken for plainly valid has no problem when looked at closely."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api import resources
from grappe.api.validation import metadata
from grappe.api.validation.plain_metadata import is_plain

NAMES = st.one_of(
    st.sampled_from(["web", "a.b", "A", "-a", "a/b", "x" * 254, "", "9", "a_b"]),
    st.text("ab.-/A_", max_size=6),
)
KINDS = st.sampled_from(
    [resources.CONFIG_MAPS, resources.NAMESPACES, resources.SERVICES, resources.CLUSTER_ROLES]
)
LABELS = st.dictionaries(NAMES, st.one_of(NAMES, st.just("x" * 64)), max_size=3)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "namespace": st.sampled_from(["", "default"]),
        "generateName": NAMES,
        "labels": LABELS,
        "annotations": LABELS,
        "finalizers": st.lists(NAMES, max_size=2),
        "ownerReferences": st.just([{}]),
    },
)


@settings(max_examples=500, deadline=None)
@given(KINDS, METADATA)
def test_plain_metadata_has_no_problems(resource, found):
    if is_plain(resource, found):
        assert list(metadata.validate(resource, found)) == []


@pytest.mark.parametrize(
    "found",
    [
        {"name": "web", "namespace": "default"},
        {"name": "web", "namespace": "default", "labels": {"app": "web", "a.b/c": ""}},
    ],
    ids=["no labels", "labels"],
)
def test_usual_metadata_is_plain(found):
    assert is_plain(resources.CONFIG_MAPS, found)
