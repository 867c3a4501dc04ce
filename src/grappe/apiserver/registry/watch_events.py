"""What a committed change is to a watcher: selectors make objects come and go.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import orjson

from grappe.apiserver.registry.filtering import Filter
from grappe.apiserver.registry.representation import Representation
from grappe.store.interface import Event, Record

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


def seen_as(event: Event, wanted: Filter) -> tuple[EventType, Record] | None:
    """What an event is to a watcher with this filter: an object that comes to be selected was
    added, one that ceases to be was deleted."""
    if not event.record.key.startswith(wanted.prefix):
        return None
    if wanted.everything:
        return event.type, event.record
    before = event.previous is not None and wanted.matches(event.previous)
    if event.type == "DELETED":
        # Its last state may already be out of the selection; what counts is what was known.
        return ("DELETED", event.record) if before else None
    now = wanted.matches(event.record)
    if now:
        return ("MODIFIED" if before else "ADDED"), event.record
    if before and event.previous is not None:
        return "DELETED", _at_revision(event.previous, event.record.revision)
    return None


def _at_revision(record: Record, new: int) -> Record:
    """The same state, as of a later revision."""
    obj = orjson.loads(b"{" + record.body)
    obj["metadata"]["resourceVersion"] = str(new)
    return Record(record.key, new, orjson.dumps(obj)[1:], record.labels, record.fields)


def event_lines(events: Sequence[Event], wanted: Filter, shown: Representation) -> list[bytes]:
    """The lines of those events that concern a watcher with this filter."""
    found = []
    for event in events:
        seen = seen_as(event, wanted)
        if seen is not None:
            found.append(shown.event(*seen))
    return found
