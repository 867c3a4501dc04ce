"""Equal labels and fields are one object, whatever happens to the mappings they came from."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from grappe.store.interface import Draft
from grappe.store.sharing import SharedMappings
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import PODS

texts = st.text(max_size=3)


@given(st.lists(st.dictionaries(texts, texts, max_size=3), max_size=30))
def test_what_is_given_out_is_equal_and_one_for_equals(mappings: list[dict[str, str]]) -> None:
    shared = SharedMappings()
    for mapping in mappings:
        found = shared.of(mapping)
        assert found == mapping
        assert list(found) == list(mapping)  # the order too: it is what is written
        assert shared.of(dict(mapping)) is found


def test_a_mapping_that_its_owner_changes_is_not_the_one_given_out() -> None:
    shared = SharedMappings()
    mapping = {"app": "web"}
    found = shared.of(mapping)
    mapping["app"] = "other"
    assert found == {"app": "web"}
    assert shared.of({"app": "web"}) is found


def test_it_stays_bounded() -> None:
    shared = SharedMappings()
    for number in range(20_000):
        assert shared.of({"n": str(number)}) == {"n": str(number)}
        assert shared.read(b'{"m":"%d"}' % number) == {"m": str(number)}
    assert len(shared._known) <= 4096
    assert len(shared._read) <= 4096


async def test_records_written_and_loaded_share_theirs(tmp_path: Path) -> None:
    async def put(store: SqliteStore, key: str) -> None:
        draft = Draft(b'"metadata":{}}', {"app": "web"}, {"spec.nodeName": "n"})
        await store.put(PODS, key, 0, lambda _: draft)

    store = SqliteStore.open(tmp_path / "state.db")
    await put(store, "a/1")
    await put(store, "a/2")
    for turn in range(2):
        one, two = store.list(PODS)[:2]
        assert one.labels == {"app": "web"}
        assert one.labels is two.labels
        assert one.fields is two.fields
        await put(store, f"a/{3 + turn}")  # after a restart, too
        assert store.list(PODS)[-1].labels is one.labels
        if not turn:
            await store.close()
            store = SqliteStore.open(tmp_path / "state.db")
    await store.close()
