"""Records in key order, against a sorted list."""

from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.store import ordered
from grappe.store.interface import Record
from grappe.store.ordered import OrderedRecords

NAMESPACES = st.sampled_from(["", "a", "b", "default", "ℤ"])
KEYS = st.builds("{}/{}".format, NAMESPACES, st.text("ab9-\U0001f600", max_size=4))


def record(key: str, revision: int = 1) -> Record:
    return Record(key, revision, b"", {}, {})


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(KEYS, st.just(None), max_size=20),
    st.lists(st.tuples(st.booleans(), KEYS), max_size=120),
    st.one_of(st.just(""), NAMESPACES.map("{}/".format), KEYS),
    st.one_of(st.just(""), KEYS),
    st.integers(1, 12),
)
def test_answers_as_a_sorted_list_does(begun, changes, prefix, after, limit):
    with_small_chunks = ordered._CHUNK
    ordered._CHUNK = 3
    try:
        model = {key: record(key) for key in begun}
        found = OrderedRecords(model)
        for number, (puts, key) in enumerate(changes):
            if puts:
                model[key] = record(key, number)
                found.put(model[key])
            elif key in model:
                del model[key]
                found.remove(key)
        in_order = [model[key] for key in sorted(model)]
        assert list(found) == in_order
        assert found.select("", "") == in_order
        wanted = [r for r in in_order if r.key.startswith(prefix) and r.key > after]
        assert found.select(prefix, after) == wanted
        assert found.select(prefix, after, limit) == wanted[:limit]
        assert found.count(prefix, after) == len(wanted)
    finally:
        ordered._CHUNK = with_small_chunks


def test_a_selection_is_a_snapshot():
    found = OrderedRecords({"a/1": record("a/1")})
    selected = found.select("a/", "")
    found.put(record("a/2"))
    assert [r.key for r in selected] == ["a/1"]
