"""What /openapi/v3 says of the server is true: schemathesis makes requests of each document, good
ones and bad ones, and holds the answers to the statuses, media types and schemas promised there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks

from grappe.apiserver.http.messages import Answer, Request
from grappe.apiserver.http.server import serve
from grappe.testing.cluster import ADMIN, running_cluster
from tests.cluster.test_api_every_kind import KINDS, valid_object
from tests.fuzz.requests import NEVER_STORED

LONG = os.environ.get("GRAPPE_FUZZ_REQUESTS")
REQUESTS = max(300, int(LONG or 0) // 50)  # each takes a hundred times as long as a plain one
SEED = int(os.environ.get("GRAPPE_FUZZ_SEED", "1"))
OF_ONE = 4
"""Requests of one operation; making its strategy costs as much as some."""
SECONDS = 30.0
FEWEST = 80
"""After so long a run of the usual length ends on a busy machine, if it has sent so many."""
KEPT = "a"
"""The name of one object of each kind, there from the start."""
GOOD = {
    f"{kind.root}{'/namespaces/{namespace}' if kind.namespaced else ''}/{kind.plural}": kind
    for kind in KINDS
}
"""The path of a collection → its kind."""


@contextmanager
def server() -> Iterator[str]:
    """A server of an administrator's, without TLS, on a loop of its own; its URL."""
    ready: threading.Event = threading.Event()
    made: dict[str, Any] = {}

    async def run() -> None:
        async with running_cluster() as cluster:

            def as_admin(request: Request) -> Answer:
                request.user = ADMIN
                return cluster.api.handle(request)  # type: ignore[return-value]

            http = await serve(as_admin, addresses=[("127.0.0.1", 0)], tls=None)
            made["end"], made["loop"] = asyncio.Event(), asyncio.get_running_loop()
            made["url"] = f"http://127.0.0.1:{http.ports[0]}"
            ready.set()
            await made["end"].wait()
            await http.close(grace=0.2)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield made["url"]
    finally:
        made["loop"].call_soon_threadsafe(made["end"].set)
        thread.join()


def keep_one_of_each(session: requests.Session, url: str) -> None:
    for path, kind in GOOD.items():
        if not any(group in path for group in NEVER_STORED):
            where = url + path.replace("{namespace}", "default")
            answer = session.post(where, json=valid_object(kind), timeout=60)
            # 409: of another version of the same.
            assert answer.status_code in (201, 409), answer.content


class Asker:
    """Sends what schemathesis made, most often about objects that are there, and judges."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url
        self.dice = random.Random(SEED)
        self.statuses: Counter[tuple[str, int]] = Counter()
        load_all_checks()
        self._checks = CHECKS.get_by_names(
            ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
        )

    def ask(self, case: schemathesis.Case) -> None:
        self._settle(case)
        answer = case.call(base_url=self.url, session=self.session, timeout=60)
        self.statuses[case.method, answer.status_code] += 1
        told = f"{case.as_curl_command()}\n{answer.status_code} {answer.content[:2000]!r}"
        assert answer.status_code < 500, told
        if answer.status_code >= 400:
            if "json" in answer.headers["content-type"][0]:
                status = json.loads(answer.content)
                assert (status["kind"], status["code"]) == ("Status", answer.status_code), told
            return
        if case.method == "DELETE" and b'"kind":"Status"' not in answer.content:
            return  # what lives on is shown, though a Status is promised: as Kubernetes does
        if case.method == "GET" and "/events.k8s.io/" in case.operation.path:
            return  # an event of the core group need not have the eventTime that is required here
        case.validate_response(answer, checks=self._checks)

    def _settle(self, case: schemathesis.Case) -> None:
        """Where it goes, what is in it where chance would never get it right, nothing endless."""
        dice, mark = self.dice, case.operation.definition.raw.get("x-kubernetes-action")
        if dice.random() < 0.85:
            names = {"namespace": "default", "name": KEPT}
            case.path_parameters = {name: names[name] for name in case.path_parameters or {}}
        query = dict(case.query or {})
        for name in ("watch", "continue", "resourceVersion", "labelSelector", "fieldSelector"):
            if name == "watch" or dice.random() < 0.7:
                query.pop(name, None)
        if dice.random() < 0.6:
            query = {}
        if mark != "get" and any(group in case.operation.path for group in NEVER_STORED):
            query["dryRun"] = "All"
        case.query = query
        collection = case.operation.path.removesuffix("/status").removesuffix("/{name}")
        if mark in ("post", "put", "delete", "deletecollection") and dice.random() < 0.9:
            case.media_type = "application/json"  # any is promised: all others are a 415
        if mark in ("post", "put") and collection in GOOD and dice.random() < 0.5:
            good = valid_object(GOOD[collection])
            if mark == "post" and dice.random() < 0.7:
                good["metadata"]["name"] = f"made-{dice.randrange(10**6)}"
            case.body, case.media_type = good, "application/json"


def operations(session: requests.Session, url: str) -> Iterator[schemathesis.APIOperation]:
    """Each once, in a random order; no document is read before one of its is due."""
    dice = random.Random(SEED)
    index = session.get(f"{url}/openapi/v3", timeout=60).json()["paths"]
    left: dict[str, list[Any]] = {name: [] for name in sorted(index)}
    known: set[str] = set()
    while left:
        name = dice.choice(list(left))
        if name not in known:
            known.add(name)
            document = session.get(f"{url}/openapi/v3/{name}", timeout=60).json()
            schema = schemathesis.openapi.from_dict(document)
            left[name] = [found.ok() for found in schema.get_all_operations()]
            dice.shuffle(left[name])
        if left[name]:
            yield left[name].pop()
        else:
            del left[name]


@pytest.mark.timeout(300 + REQUESTS)
def test_answers_are_what_the_documents_promise() -> None:
    began = monotonic()
    with server() as url, requests.Session() as session:
        session.trust_env = False  # no proxy
        asker = Asker(session, url)
        keep_one_of_each(session, url)
        for operation in operations(session, url):
            mode = asker.dice.choice(list(schemathesis.GenerationMode))

            @seeded(SEED)
            @settings(
                max_examples=OF_ONE,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                asker.ask(case)

            try:
                ask()
            except Unsatisfiable:
                continue  # nothing about it can be wrong
            sent = sum(asker.statuses.values())
            late = not LONG and monotonic() - began > SECONDS
            if sent >= REQUESTS or (late and sent >= FEWEST):
                break
    print(sum(asker.statuses.values()), dict(asker.statuses))
    answered = {status for _, status in asker.statuses}
    assert {200, 201, 422} <= answered, asker.statuses
