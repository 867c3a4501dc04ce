import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS
from grappe.client.informer import Informer
from grappe.client.interface import TransportError
from grappe.client.rest import RestClient

from .scripted import GONE, ScriptedTransport, event, obj, page


@contextlib.asynccontextmanager
async def informed(answers, streams, **kwargs):
    """An informer that has worked off the whole script, and what its handler was told."""
    transport = ScriptedTransport(answers, streams)
    informer = Informer(RestClient(transport), CONFIG_MAPS, **kwargs)
    told: list[tuple[str, str]] = []
    informer.add_handler(lambda kind, o, old: told.append((kind, o["metadata"]["name"])))
    task = asyncio.create_task(informer.run())
    try:
        await asyncio.wait_for(transport.exhausted.wait(), 10)
        yield informer, told, transport
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_lists_page_by_page_then_follows_the_watch():
    async with informed(
        [page(obj("a", 1), revision=5, token="next"), page(obj("b", 2), revision=5)],
        [
            [
                event("ADDED", obj("c", 6)),
                event("MODIFIED", obj("a", 7)),
                event("DELETED", obj("b", 8)),
                ...,
            ]
        ],
    ) as (informer, told, transport):
        assert informer.synced.is_set()
        assert told == [
            ("ADDED", "a"),
            ("ADDED", "b"),
            ("ADDED", "c"),
            ("MODIFIED", "a"),
            ("DELETED", "b"),
        ]
        assert sorted(o["metadata"]["name"] for o in informer.list()) == ["a", "c"]
        assert informer.get("default", "a")["kind"] == "ConfigMap"
        assert transport.asked[2][2]["resourceVersion"] == "5"


async def test_watches_on_from_the_last_bookmark_after_a_lost_connection():
    bookmark = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}}
    async with informed(
        [page(obj("a", 1), revision=5)],
        [[event("BOOKMARK", bookmark), TransportError("reset")], [...]],
    ) as (_, told, transport):
        assert [a[0] for a in transport.asked] == ["GET", "WATCH", "WATCH"]
        assert transport.asked[-1][2]["resourceVersion"] == "9"
        assert told == [("ADDED", "a")]


@pytest.mark.parametrize("gone", [GONE, [event("ERROR", GONE.status())]], ids=["head", "event"])
async def test_after_gone_lists_again_and_tells_only_differences(gone):
    async with informed(
        [
            page(obj("same", 1), obj("changed", 2), obj("lost", 3), revision=5),
            page(obj("same", 1), obj("changed", 8), obj("new", 9), revision=9),
        ],
        [gone, [...]],
    ) as (_, told, _transport):
        assert told[3:] == [("DELETED", "lost"), ("MODIFIED", "changed"), ("ADDED", "new")]


async def test_a_failing_server_is_tried_again_and_its_failure_shown():
    async with informed(
        [TransportError("refused"), ApiError(403, "Forbidden", "no"), page(revision=1)], [[...]]
    ) as (informer, _, transport):
        assert informer.synced.is_set()
        assert [a[0] for a in transport.asked] == ["GET", "GET", "GET", "WATCH"]


async def test_a_handler_that_raises_disturbs_neither_the_copy_nor_other_handlers():
    transport = ScriptedTransport(
        [page(obj("a", 1), revision=5)], [[event("ADDED", obj("b", 6)), ...]]
    )
    informer = Informer(RestClient(transport), CONFIG_MAPS)
    seen = []
    informer.add_handler(lambda *_: 1 / 0)
    informer.add_handler(lambda kind, o, old: seen.append(o["metadata"]["name"]))
    task = asyncio.create_task(informer.run())
    await asyncio.wait_for(transport.exhausted.wait(), 5)
    assert seen == ["a", "b"]
    late = []
    informer.add_handler(lambda kind, o, old: late.append((kind, o["metadata"]["name"])))
    assert late == [("ADDED", "a"), ("ADDED", "b")]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_indexes_follow_every_change():
    def by_app(o):
        return [o["metadata"].get("labels", {}).get("app", "none")]

    def labelled(name, revision, app):
        made = obj(name, revision)
        made["metadata"]["labels"] = {"app": app}
        return made

    async with informed(
        [page(labelled("a", 1, "x"), labelled("b", 2, "x"), revision=5)],
        [[event("MODIFIED", labelled("a", 6, "y")), event("DELETED", labelled("b", 7, "x")), ...]],
        indexes={"app": by_app},
    ) as (informer, _, _transport):
        assert informer.by_index("app", "x") == []
        assert [o["metadata"]["name"] for o in informer.by_index("app", "y")] == ["a"]


async def test_managed_fields_are_not_kept_and_a_transform_may_drop_objects():
    fat = obj("a", 1)
    fat["metadata"]["managedFields"] = [{"manager": "x"}]
    async with informed([page(fat, revision=5)], [[...]]) as (informer, _, _transport):
        assert "managedFields" not in informer.get("default", "a")["metadata"]

    def only_a(o):
        return o if o["metadata"]["name"] == "a" else None

    async with informed(
        [page(obj("a", 1), obj("b", 2), revision=5)],
        [[event("MODIFIED", obj("b", 6)), ...]],
        transform=only_a,
    ) as (informer, told, _transport):
        assert told == [("ADDED", "a")]


changes = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=15)


@given(first=changes, second=changes)
@settings(max_examples=40, deadline=None)
async def test_the_copy_equals_the_server_whatever_way_changes_arrive(first, second):
    """Some changes come by the watch, others only by the list after a 410."""
    state: dict[str, dict] = {}
    revision = 0

    def change(name, present):
        nonlocal revision
        revision += 1
        if present:
            kind = "MODIFIED" if name in state else "ADDED"
            state[name] = obj(name, revision)
            return event(kind, state[name])
        if name in state:
            del state[name]
            return event("DELETED", obj(name, revision))
        return event("BOOKMARK", {"metadata": {"resourceVersion": str(revision)}})

    watched = [change(*c) for c in first]
    for c in second:
        change(*c)
    mirror: dict[str, dict] = {}
    transport = ScriptedTransport(
        [page(revision=0), page(*state.values(), revision=revision)],
        [[*watched, event("ERROR", GONE.status())], [...]],
    )
    informer = Informer(RestClient(transport), CONFIG_MAPS)

    def follow(kind, o, old):
        name = o["metadata"]["name"]
        assert (name in mirror) == (kind != "ADDED") == (old is not None)
        if kind == "DELETED":
            del mirror[name]
        else:
            mirror[name] = o

    informer.add_handler(follow)
    task = asyncio.create_task(informer.run())
    await asyncio.wait_for(transport.exhausted.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert mirror == {n: {**o, "kind": "ConfigMap", "apiVersion": "v1"} for n, o in state.items()}
    assert {o["metadata"]["name"]: o for o in informer.list()} == mirror


@pytest.mark.parametrize("all_deletions", [True, False])
async def test_deletions_of_what_is_not_kept_are_told_where_asked_for(all_deletions):
    async with informed(
        [page(obj("a", 1), revision=5)],
        [[event("MODIFIED", obj("a", 6)), event("DELETED", obj("a", 7)), ...]],
        transform=lambda _: None,
        all_deletions=all_deletions,
    ) as (informer, told, _):
        assert informer.list() == []
        assert told == ([("DELETED", "a")] if all_deletions else [])


async def test_each_complete_list_is_told_of():
    transport = ScriptedTransport(
        [page(obj("a", 1), revision=5), page(obj("b", 9), revision=9)], [GONE, [...]]
    )
    informer = Informer(RestClient(transport), CONFIG_MAPS)
    lists: list[list[str]] = []
    informer.add_list_handler(
        lambda: lists.append([o["metadata"]["name"] for o in informer.list()])
    )
    task = asyncio.create_task(informer.run())
    await asyncio.wait_for(transport.exhausted.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lists == [["a"], ["b"]]


async def test_a_long_list_lets_others_have_their_turn(monkeypatch):
    monkeypatch.setattr("grappe.client.informer._TURN", 0)
    transport = ScriptedTransport(
        [page(*(obj(f"o{n}", n + 1) for n in range(50)), revision=60)], [[...]]
    )
    informer = Informer(RestClient(transport), CONFIG_MAPS)
    turns = 0
    seen: list[int] = []
    informer.add_handler(lambda *_: seen.append(turns))
    task = asyncio.create_task(informer.run())
    while not informer.synced.is_set():
        turns += 1
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(seen) == 50
    assert len(set(seen)) > 40


async def test_others_have_their_turn_between_pages_that_come_at_once():
    pages = [page(obj(f"o{n}", n + 1), revision=60, token=f"t{n}") for n in range(20)]
    transport = ScriptedTransport([*pages, page(obj("last", 50), revision=60)], [[...]])
    informer = Informer(RestClient(transport), CONFIG_MAPS)
    task = asyncio.create_task(informer.run())
    asked: set[int] = set()
    while not informer.synced.is_set():
        asked.add(len(transport.asked))
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(informer.list()) == 21
    assert asked >= {*range(1, 20)}
