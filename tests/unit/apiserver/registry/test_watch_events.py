"""A watcher that starts from nothing and believes every event ends up with what is selected."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.resources import CONFIG_MAPS
from grappe.api.selectors import parse_field_selector, parse_label_selector
from grappe.apiserver.registry.catalog import serve_builtin
from grappe.apiserver.registry.filtering import Filter
from grappe.apiserver.registry.watch_events import seen_as
from grappe.store.interface import Event, Record

SERVED = serve_builtin(CONFIG_MAPS)
FILTERS = [
    Filter(SERVED, "", None, None),
    Filter(SERVED, "a/", None, None),
    Filter(SERVED, "", parse_label_selector("l=1"), None),
    Filter(SERVED, "a/", parse_label_selector("l!=1"), None),
    Filter(SERVED, "", None, parse_field_selector("metadata.name=x")),
    Filter(SERVED, "", None, parse_field_selector("metadata.name=x"), "x"),
    Filter(SERVED, "", parse_label_selector("l=1"), parse_field_selector("metadata.name!=x")),
]
writes = st.lists(
    st.tuples(
        st.sampled_from(["a/x", "a/y", "b/x"]),
        st.sampled_from(["put", "delete"]),
        st.sampled_from("12"),
    ),
    max_size=20,
)


def _record(key: str, revision: int, label: str) -> Record:
    body = {"metadata": {"name": key[2:], "resourceVersion": str(revision)}}
    return Record(key, revision, orjson.dumps(body)[1:], {"l": label}, {})


@given(writes, st.sampled_from(FILTERS))
def test_events_add_up_to_the_selection(steps: list[tuple[str, str, str]], wanted: Filter) -> None:
    live: dict[str, Record] = {}
    believed: dict[str, int] = {}
    for revision, (key, what, label) in enumerate(steps, start=1):
        previous = live.get(key)
        record = _record(key, revision, label)
        if what == "put":
            event = Event("MODIFIED" if previous else "ADDED", record, previous)
            live[key] = record
        elif previous:
            event = Event("DELETED", record, live.pop(key))
        else:
            continue
        seen = seen_as(event, wanted)
        if seen is not None:
            kind, shown = seen
            assert shown.revision == revision
            assert orjson.loads(b"{" + shown.body)["metadata"]["resourceVersion"] == str(revision)
            assert (kind == "ADDED") is (key not in believed)
            if kind == "DELETED":
                del believed[key]
            else:
                believed[key] = revision
        selected = {
            k: r.revision
            for k, r in live.items()
            if k.startswith(wanted.prefix) and wanted.matches(r)
        }
        assert believed == selected
