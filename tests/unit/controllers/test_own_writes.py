"""Deciding on informer plus own writes never sees an older world than the one it made."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.own_writes import OwnWrites

Object = dict[str, Any]


class Copy:
    """An informer that trails the server by any number of events."""

    def __init__(self) -> None:
        self.revision = 0
        self.objects: dict[str, Object] = {}
        self.handlers: list[Any] = []

    def add_handler(self, handler: Any) -> None:
        self.handlers.append(handler)


def obj(name: str, version: int, **meta: Any) -> Object:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version), **meta}}


moves = st.lists(
    st.tuples(st.sampled_from(["create", "change", "delete", "catch up"]), st.sampled_from("abc")),
    max_size=40,
)


@given(moves)
def test_what_is_seen_is_always_what_the_server_has(done: list[tuple[str, str]]) -> None:
    copy = Copy()
    own = OwnWrites(copy)  # type: ignore[arg-type]
    server: dict[str, Object] = {}
    log: list[tuple[str, Object]] = []
    version = made = 0
    for kind, letter in done:
        name = next((n for n in server if n.startswith(letter)), "")
        if kind == "create" and not name:
            version, made = version + 1, made + 1
            new = obj(f"{letter}{made}", version)
            server[new["metadata"]["name"]] = new
            log.append(("set", new))
            own.wrote("owner", new)
        elif kind == "change" and name:
            version += 1
            server[name] = obj(name, version, labels={"v": str(version)})
            log.append(("set", server[name]))
            own.wrote("owner", server[name])
        elif kind == "delete" and name:
            version += 1
            own.deleted("owner", server.pop(name))
            log.append(("gone", obj(name, version)))
        elif kind == "catch up" and log:
            action, event = log.pop(0)
            if action == "set":
                copy.objects[event["metadata"]["name"]] = event
            else:
                copy.objects.pop(event["metadata"]["name"], None)
            copy.revision = int(event["metadata"]["resourceVersion"])
        seen = own.merged("owner", copy.objects.values())
        assert seen == [server[n] for n in sorted(server)]


def test_a_pod_that_takes_time_to_go_is_shown_as_going() -> None:
    copy = Copy()
    own = OwnWrites(copy)  # type: ignore[arg-type]
    pod = obj("a", 1)
    own.deleted("owner", pod)
    assert own.merged("owner", [pod]) == []
    going = obj("a", 2, deletionTimestamp="now")
    assert own.merged("owner", [going]) == [going]


def test_what_was_written_for_a_deleted_owner_is_forgotten() -> None:
    copy, owners = Copy(), Copy()
    own = OwnWrites(copy).follow(owners)  # type: ignore[arg-type]
    own.wrote("owner", obj("a", 5))
    for event_type in ("MODIFIED", "DELETED"):
        assert own.merged("owner", []) == [obj("a", 5)]
        for handler in owners.handlers:
            handler(event_type, obj("owner", 6), None)
    assert own.merged("owner", []) == []
