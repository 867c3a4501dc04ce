"""The elements of all Services together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grappe.network.services.render import Elements
from grappe.network.services.table import Table

parts = st.dictionaries(
    st.tuples(st.sampled_from(["services", "slots"]), st.sampled_from("abcd")),
    st.sampled_from("xyz"),
)
updates = st.lists(st.dictionaries(st.sampled_from(["s1", "s2", "s3"]), parts), max_size=12)


@given(updates)
def test_changes_lead_from_each_state_to_the_next(sequence: list[dict[str, Elements]]) -> None:
    """`kernel` is what a table would hold that only ever got the changes."""
    table = Table()
    kernel: Elements = {}
    state: dict[str, Elements] = {}
    for update in sequence:
        changes = table.update(update)
        for element, (old, new) in changes.items():
            assert kernel.get(element) == old
            assert old != new
            if old is not None:
                del kernel[element]
            if new is not None:
                kernel[element] = new
        state |= update
        expected: Elements = {}
        for owner in sorted(state, reverse=True):
            expected |= state[owner]
        assert kernel == table.elements == expected


def test_a_shared_element_stays_until_its_last_owner_goes() -> None:
    table = Table()
    shared = {("hairpin", "a"): ""}
    assert table.update({"s1": shared, "s2": shared}) == {("hairpin", "a"): (None, "")}
    assert table.update({"s1": {}}) == {}
    assert table.update({"s2": {}}) == {("hairpin", "a"): ("", None)}
    assert table.elements == {}
