"""Which of its labels a node may change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.admission.node_labels import forbidden_labels

_keys = st.sampled_from(
    ["team", "a.com/x", "kubernetes.io/os", "kubernetes.io/x", "x.k8s.io/y", "node.kubernetes.io/z"]
)
_labels = st.dictionaries(_keys, st.sampled_from(["a", "b"]))


@given(_labels, _labels)
def test_what_stays_is_never_forbidden_and_a_change_counts_both_ways(old, new) -> None:
    found = forbidden_labels(new, old)
    assert found == forbidden_labels(old, new)
    assert all(new.get(key) != old.get(key) for key in found)
    assert set(found) <= {"kubernetes.io/x", "x.k8s.io/y"}


def test_removing_one_is_a_change() -> None:
    assert forbidden_labels({}, {"kubernetes.io/x": "1"}) == ["kubernetes.io/x"]
