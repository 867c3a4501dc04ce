"""What get, list and watch show at which resource version, and what they refuse.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from grappe.api.resources import BUILTIN
from grappe.apiserver.registry import coming
from grappe.base.clock import ManualClock
from grappe.store.core import HistoryLimits
from grappe.store.memory import MemoryStore
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import CONFIG_MAPS, PODS, Reply, ask, config_map, pod

SLICES = "/apis/resource.k8s.io/v1/resourceslices"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
METADATA = "application/json;as=PartialObjectMetadata{};v=v1;g=meta.k8s.io"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
MATCH = "resourceVersionMatch"
INVALID = 'ListOptions.meta.k8s.io "" is invalid: '


def token(**facts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(facts)).rstrip(b"=").decode()


async def watched(cluster: TestCluster, number: int, **query: str) -> list[Any]:
    """The first events of a watch of ConfigMaps."""
    found: list[Any] = []
    lines = cluster.transport.stream(CONFIG_MAPS, {"watch": "1", **query}, {})
    async with asyncio.timeout(10), aclosing(lines) as stream:  # type: ignore[type-var]
        async for line in stream:
            found.append(orjson.loads(line))
            if len(found) == number:
                break
    return found


def names(reply: Reply) -> list[str]:
    return [item["metadata"]["name"] for item in reply.body["items"]]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"limit": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"limit": "1_0"}, 400, 'strconv.ParseInt: parsing "1_0": invalid syntax'),
        ({"limit": "9" * 19}, 400, f'strconv.ParseInt: parsing "{"9" * 19}": value out of range'),
        (
            {"resourceVersion": "x"},
            400,
            'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: '
            'parsing "x": invalid syntax',
        ),
        (
            {"resourceVersion": "9" * 21},
            400,
            f'invalid resource version: resourceVersion: Invalid value: "{"9" * 21}": '
            f'strconv.ParseUint: parsing "{"9" * 21}": value out of range',
        ),
        (
            {MATCH: "Exact"},
            422,
            f"{INVALID}{MATCH}: Forbidden: {MATCH} is forbidden unless resourceVersion is provided",
        ),
        (
            {MATCH: "Exact", "resourceVersion": "0"},
            422,
            f'{INVALID}{MATCH}: Forbidden: {MATCH} "exact" is forbidden for resourceVersion "0"',
        ),
        (
            {MATCH: "Newer", "resourceVersion": "1"},
            422,
            f'{INVALID}{MATCH}: Unsupported value: "Newer": supported values: "Exact", '
            '"NotOlderThan", ""',
        ),
        (
            {MATCH: "Exact", "continue": "a", "sendInitialEvents": "0"},
            422,
            f"{INVALID}[{MATCH}: Forbidden: {MATCH} is forbidden unless resourceVersion is "
            f"provided, {MATCH}: Forbidden: {MATCH} is forbidden when continue is provided, "
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list]",
        ),
        (
            {"continue": "a%b"},
            400,
            "invalid continue token: continue key is not valid: illegal base64 data at input byte "
            "1",
        ),
        (
            {"continue": token(v="v9", rv=1, start="a")},
            400,
            "invalid continue token: continue key is not valid: server does not recognize this "
            "encoded version v9",
        ),
        (
            {"continue": token(v="meta.k8s.io/v1", start="a")},
            400,
            "invalid continue token: continue key is not valid: incorrect encoded start "
            "resourceVersion (version meta.k8s.io/v1)",
        ),
        (
            {"continue": token(v="meta.k8s.io/v1", rv=3)},
            400,
            "invalid continue token: continue key is not valid: encoded start key empty (version "
            "meta.k8s.io/v1)",
        ),
        (
            {"continue": token(v="meta.k8s.io/v1", rv=3, start="../x")},
            400,
            "invalid continue token: continue key is not valid: ../x",
        ),
        (
            {"continue": token(v="meta.k8s.io/v1", rv=3, start="a"), "resourceVersion": "1"},
            400,
            "specifying resource version is not allowed when using continue",
        ),
        (
            {"fieldSelector": "data.a=b"},
            400,
            '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ({"fieldSelector": "abc"}, 400, "invalid selector: 'abc'; can't understand 'abc'"),
        (
            {"labelSelector": "a in ("},
            400,
            "unable to parse requirement: found '', expected: ',', ')' or identifier",
        ),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(
    cluster: TestCluster, query: Mapping[str, str], status: int, message: str
) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, **query)
    assert (reply.status, reply.message) == (status, message)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"sendInitialEvents": "1"},
            f"{MATCH}: Forbidden: sendInitialEvents requires setting {MATCH} to NotOlderThan",
        ),
        (
            {MATCH: "NotOlderThan", "resourceVersion": "1"},
            f"{MATCH}: Forbidden: {MATCH} is forbidden for watch unless sendInitialEvents is "
            "provided",
        ),
        (
            {MATCH: "Exact", "sendInitialEvents": "true", "continue": "x"},
            f"[{MATCH}: Forbidden: sendInitialEvents requires setting {MATCH} to NotOlderThan, "
            f'{MATCH}: Unsupported value: "Exact": supported values: "NotOlderThan", '
            f"{MATCH}: Forbidden: {MATCH} is forbidden when continue is provided]",
        ),
    ],
)
async def test_a_watch_that_makes_no_sense_is_refused(
    cluster: TestCluster, query: Mapping[str, str], message: str
) -> None:
    reply = await ask(cluster, "GET", CONFIG_MAPS, watch="1", **query)
    assert (reply.status, reply.message) == (422, INVALID + message)


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        (PODS, "spec.color", "field label not supported: spec.color"),
        (JOBS, "status.failed", 'field label "status.failed" not supported for batchv1.Job'),
        (
            SLICES,
            "spec.pool",
            "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.pool",
        ),
        ("/api/v1/nodes", "metadata.namespace", "field label not supported: metadata.namespace"),
    ],
)
async def test_a_field_that_cannot_be_selected_by_is_refused(
    cluster: TestCluster, path: str, field: str, message: str
) -> None:
    reply = await ask(cluster, "GET", path, fieldSelector=f"{field}=a")
    assert (reply.status, reply.message) == (400, message)


async def test_a_pod_is_selected_by_the_old_name_of_its_node(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a", nodeName="n1"))
    await ask(cluster, "POST", PODS, pod("b"))
    assert names(await ask(cluster, "GET", PODS, fieldSelector="spec.host=n1")) == ["a"]
    assert names(await ask(cluster, "GET", PODS, fieldSelector="status.podIPs=x")) == []


async def test_one_object_and_many_have_their_own_metadata_forms(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    one, many = {"accept": METADATA.format("")}, {"accept": METADATA.format("List")}
    path = f"{CONFIG_MAPS}/a"
    assert (await ask(cluster, "GET", path, headers=one)).body["kind"] == "PartialObjectMetadata"
    listed = await ask(cluster, "GET", CONFIG_MAPS, headers=many)
    assert listed.body["kind"] == "PartialObjectMetadataList"
    refused = await ask(cluster, "GET", CONFIG_MAPS, headers=one)
    assert (refused.status, refused.body["reason"]) == (406, "NotAcceptable")
    assert refused.message == (
        "you requested PartialObjectMetadata, but the requested object is a list "
        "(*core.ConfigMapList)"
    )
    refused = await ask(cluster, "GET", path, headers=many)
    assert refused.status == 406
    assert refused.message == (
        "you requested PartialObjectMetadataList, but the requested object is not a list "
        "(*core.ConfigMap)"
    )
    before = cluster.store.revision
    assert (await ask(cluster, "PUT", path, config_map("a", {"k": "v"}), many)).status == 406
    assert cluster.store.revision == before  # refused before anything is written


async def test_what_a_table_brings_along(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    for include, kind in (("Object", "ConfigMap"), ("Metadata", "PartialObjectMetadata")):
        reply = await ask(cluster, "GET", CONFIG_MAPS, headers=TABLE, includeObject=include)
        assert reply.body["rows"][0]["object"]["kind"] == kind
    reply = await ask(cluster, "GET", CONFIG_MAPS, headers=TABLE, includeObject="None")
    assert reply.body["rows"][0].get("object") is None
    reply = await ask(cluster, "GET", CONFIG_MAPS, headers=TABLE, includeObject="All")
    assert (reply.status, reply.message) == (
        400,
        'Unable to convert to Table as requested: includeObject: Invalid value: "All": must be '
        "'Metadata', 'Object', 'None', or empty",
    )
    assert (await ask(cluster, "GET", CONFIG_MAPS, includeObject="All")).status == 200


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_a_watch_from_nowhere_hears_the_state_and_where_it_ends(
    cluster: TestCluster, query: Mapping[str, str]
) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    (added,) = await watched(cluster, 1, **query)
    assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "a")
    added, mark = await watched(cluster, 2, allowWatchBookmarks="1", **query)
    assert (added["type"], mark["type"]) == ("ADDED", "BOOKMARK")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["object"]["metadata"]["resourceVersion"] == str(cluster.store.revision)


async def test_a_watch_without_initial_events_hears_what_comes(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    query = {"sendInitialEvents": "false", MATCH: "NotOlderThan"}
    lines = cluster.transport.stream(CONFIG_MAPS, {"watch": "1", **query}, {})
    async with asyncio.timeout(10), aclosing(lines) as stream:  # type: ignore[type-var]
        coming = asyncio.ensure_future(anext(aiter(stream)))
        while not coming.done():
            await ask(cluster, "POST", CONFIG_MAPS, config_map("", generateName="b-"))
        event = orjson.loads(await coming)
    assert event["object"]["metadata"]["name"].startswith("b-")


async def test_pages_of_one_state_while_everything_changes(cluster: TestCluster) -> None:
    for number in range(30):
        await ask(cluster, "POST", CONFIG_MAPS, config_map(f"c-{number:02}", {"was": "then"}))
    first = await ask(cluster, "GET", CONFIG_MAPS, limit="7")
    state = first.body["metadata"]["resourceVersion"]
    found, page = list(first.body["items"]), first
    step = 0
    while going_on := page.body["metadata"].get("continue"):
        await ask(cluster, "DELETE", f"{CONFIG_MAPS}/c-{29 - step:02}")
        await ask(cluster, "POST", CONFIG_MAPS, config_map(f"c-{step:02}x"))
        await ask(
            cluster, "PUT", f"{CONFIG_MAPS}/c-{20 - step:02}", config_map(f"c-{20 - step:02}")
        )
        step += 1
        page = await ask(cluster, "GET", CONFIG_MAPS, **{"limit": "7", "continue": going_on})
        assert page.body["metadata"]["resourceVersion"] == state
        found += page.body["items"]
        assert page.body["metadata"].get("remainingItemCount", 0) == 30 - len(found)
    assert [item["metadata"]["name"] for item in found] == [f"c-{n:02}" for n in range(30)]
    assert all(item["data"] == {"was": "then"} for item in found)


async def test_a_list_goes_on_inconsistently_after_its_state_is_forgotten() -> None:
    async with running_cluster(store=MemoryStore(limits=HistoryLimits(events=3))) as cluster:
        for name in ("a", "c", "e", "g"):
            await ask(cluster, "POST", CONFIG_MAPS, config_map(name))
        first = await ask(cluster, "GET", CONFIG_MAPS, limit="2")
        state = first.body["metadata"]["resourceVersion"]
        assert names(first) == ["a", "c"]
        for name in ("b", "d", "f", "h"):
            await ask(cluster, "POST", CONFIG_MAPS, config_map(name))
        query = {"limit": "2", "continue": first.body["metadata"]["continue"]}
        gone = await ask(cluster, "GET", CONFIG_MAPS, **query)
        assert (gone.status, gone.body["reason"]) == (410, "Expired")
        assert gone.message.startswith("The provided continue parameter is too old to display")
        query = {"limit": "3", "continue": gone.body["metadata"]["continue"]}
        rest = await ask(cluster, "GET", CONFIG_MAPS, **query)
        assert names(rest) == ["d", "e", "f"]
        assert int(rest.body["metadata"]["resourceVersion"]) > int(state)
        # From here on it is consistent again.
        await ask(cluster, "DELETE", f"{CONFIG_MAPS}/g")
        query = {"limit": "3", "continue": rest.body["metadata"]["continue"]}
        assert names(await ask(cluster, "GET", CONFIG_MAPS, **query)) == ["g", "h"]
        exact = {"resourceVersion": state, MATCH: "Exact"}
        old = await ask(cluster, "GET", CONFIG_MAPS, **exact)
        assert (old.status, old.body["reason"], old.message) == (
            410,
            "Expired",
            "The resourceVersion for the provided list is too old.",
        )


async def test_a_list_goes_on_in_its_state_for_five_minutes() -> None:
    clock = ManualClock()
    async with running_cluster(clock=clock) as cluster:
        for name in ("a", "b", "c", "d"):
            await ask(cluster, "POST", CONFIG_MAPS, config_map(name))
        first = await ask(cluster, "GET", CONFIG_MAPS, limit="1")
        clock.advance(200)
        query = {"limit": "1", "continue": first.body["metadata"]["continue"]}
        second = await ask(cluster, "GET", CONFIG_MAPS, **query)
        assert names(second) == ["b"]
        await ask(cluster, "POST", CONFIG_MAPS, config_map("e"))
        clock.advance(101)
        query = {"limit": "1", "continue": second.body["metadata"]["continue"]}
        gone = await ask(cluster, "GET", CONFIG_MAPS, **query)
        assert (gone.status, gone.body["reason"]) == (410, "Expired")
        clock.advance(1000)  # a token for the newest state does not age
        query = {"limit": "2", "continue": gone.body["metadata"]["continue"]}
        rest = await ask(cluster, "GET", CONFIG_MAPS, **query)
        assert names(rest) == ["c", "d"]
        clock.advance(299)
        query = {"limit": "2", "continue": rest.body["metadata"]["continue"]}
        assert names(await ask(cluster, "GET", CONFIG_MAPS, **query)) == ["e"]


async def test_which_state_a_list_shows(
    cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coming, "PATIENCE", 0.01)
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    then = str(cluster.store.revision)
    await ask(cluster, "POST", CONFIG_MAPS, config_map("b"))
    for query, seen in (
        ({}, ["a", "b"]),
        ({"resourceVersion": "0"}, ["a", "b"]),
        ({"resourceVersion": then}, ["a", "b"]),
        ({"resourceVersion": then, "limit": "5"}, ["a"]),
        ({"resourceVersion": "0", "limit": "5"}, ["a", "b"]),
        ({"resourceVersion": then, MATCH: "Exact"}, ["a"]),
        ({"resourceVersion": then, MATCH: "NotOlderThan"}, ["a", "b"]),
        ({"resourceVersion": then, MATCH: "NotOlderThan", "limit": "5"}, ["a", "b"]),
    ):
        assert names(await ask(cluster, "GET", CONFIG_MAPS, **query)) == seen, query
    for resource_version in ("0", then):
        one = await ask(cluster, "GET", f"{CONFIG_MAPS}/b", resourceVersion=resource_version)
        assert one.status == 200
    ahead = str(cluster.store.revision + 100)
    for path in (CONFIG_MAPS, f"{CONFIG_MAPS}/b"):
        late = await ask(cluster, "GET", path, resourceVersion=ahead)
        assert (late.status, late.body["reason"]) == (504, "Timeout")
        assert late.body["details"]["causes"] == [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        ]
        assert late.body["details"]["retryAfterSeconds"] == 1


@pytest.mark.parametrize("include", ["", "None", "Object"])
async def test_every_kind_is_watched_as_a_table_with_bookmarks(
    cluster: TestCluster, include: str
) -> None:
    query = {"watch": "1", "allowWatchBookmarks": "1", "includeObject": include}
    for resource in BUILTIN:
        if "watch" not in resource.verbs:
            continue
        root = f"/apis/{resource.group}" if resource.group else "/api"
        path = f"{root}/{resource.version}/{resource.plural}"
        kinds = []
        columns: list[Any] = []
        async with asyncio.timeout(10), aclosing(cluster.transport.stream(path, query, TABLE)) as s:  # type: ignore[type-var]
            async for line in s:
                event = orjson.loads(line)
                kinds.append(event["type"])
                table = event["object"]
                (row,) = table["rows"]
                assert table["kind"] == "Table"
                columns = table["columnDefinitions"] or columns  # the first event brings them
                assert len(row["cells"]) == len(columns)
                if event["type"] == "BOOKMARK":
                    break
        assert set(kinds[:-1]) <= {"ADDED"}, path
        assert row["object"]["kind"] == (
            resource.kind if include == "Object" else "PartialObjectMetadata"
        )
        marked = row["object"]["metadata"]["annotations"]
        assert marked == {"k8s.io/initial-events-end": "true"}, path
