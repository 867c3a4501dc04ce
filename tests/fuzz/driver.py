"""Sends random requests to a server's handler and holds every answer to what is always true."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Any

import orjson

from grappe.apiserver.http.messages import Request, Response, Stream
from grappe.testing.cluster import ADMIN, TestCluster, running_cluster
from tests.cluster.widgets import ANYTHING, DEFINITIONS, definition
from tests.fuzz.operations import operations
from tests.fuzz.requests import Requests

_BY_DESIGN = (503, 504)
"""Not the server's fault: a backend that is not there, a time that ran out."""
_NO_ADDRESS = b"no preferred addresses found"
"""As Kubernetes answers (500) for a node without a kubelet."""
_HANGS_SECONDS = 60.0
_BUSY_SECONDS = 5.0
"""Of the event loop's processor time, which other work on the machine does not lengthen: what
everybody else waits. 3 MiB of the smallest values take a second; YAML is read in a thread."""

_STATUS = {"type": "object", "properties": {"replicas": {"type": "integer"}}}
_LIST = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}},
    },
}
_SPEC = {
    "type": "object",
    "x-kubernetes-validations": [{"rule": "!has(self.min) || self.min <= self.max"}],
    "properties": {
        "replicas": {"type": "integer", "default": 1},
        "min": {"type": "integer"},
        "max": {"type": "integer", "default": 9},
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "port": {"x-kubernetes-int-or-string": True},
        "list": _LIST,
        "any": {**ANYTHING, "nullable": True},
    },
}
DEFINITION = definition({"type": "object", "properties": {"spec": _SPEC, "status": _STATUS}})


class _Faults(logging.Handler):
    """Collects what the server logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(logging.Formatter().format(record))


@contextmanager
def _faults() -> Iterator[list[str]]:
    handler = _Faults()
    logger = logging.getLogger()
    logger.addHandler(handler)
    try:
        yield handler.found
    finally:
        logger.removeHandler(handler)


class _Writer:
    """Takes what a stream writes, up to a point."""

    backlog = 0

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> bool:
        self.written += len(data)
        return self.written < 1024 * 1024

    def close(self) -> None:
        pass


class Finding(AssertionError):
    """What went wrong, and the request it went wrong with."""


async def run(seed: int, count: int) -> Counter[int]:
    """Send `count` requests to a fresh server; how often each status was answered. Finding."""
    answered: Counter[int] = Counter()
    async with running_cluster() as cluster:
        created = await cluster.transport.request(
            "POST",
            DEFINITIONS,
            {},
            {},
            orjson.dumps(DEFINITION),
        )
        assert created.status == 201, created.body
        served = await operations(cluster)
        assert any(one.kind == "Widget" for one in served)
        supply = Requests(seed, served)
        with _faults() as faults:
            for number in range(count):
                request = supply.next()
                answered[await _one(cluster, request, faults, f"{seed}/{number}")] += 1
            await _everything_is_readable(cluster, faults, seed)
    return answered


async def _one(cluster: TestCluster, request: Request, faults: list[str], name: str) -> int:
    began = thread_time()
    try:
        async with asyncio.timeout(_HANGS_SECONDS):
            answer: Any = cluster.api.handle(request)
            if not isinstance(answer, Response):
                if hasattr(answer, "__await__"):
                    answer = await answer
                if isinstance(answer, Stream):
                    stop = answer.start(_Writer())
                    await asyncio.sleep(0)
                    stop()
                elif not isinstance(answer, Response):
                    answer.ended()
    except Exception as error:
        raise Finding(_told(request, name)) from error
    took = thread_time() - began
    status = answer.status if isinstance(answer, Response) else 200
    if faults:
        raise Finding(f"{_told(request, name)}\n{faults.pop()}")
    if status >= 500 and status not in _BY_DESIGN and _NO_ADDRESS not in _whole(answer):
        raise Finding(f"{_told(request, name)}\n{status} {answer.body!r}")
    if took > _BUSY_SECONDS:
        raise Finding(f"{_told(request, name)}\ntook {took:.1f} s of processor time")
    if isinstance(answer, Response):
        _check_body(request, answer, name)
    return status


def _whole(answer: Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def _check_body(request: Request, answer: Response, name: str) -> None:
    """A body that says it is JSON is; a refusal is a Status of its own code."""
    if answer.content_type.partition(";")[0] != "application/json":
        return
    if any(header.lower() == "content-encoding" for header, _ in answer.headers):
        return
    body = _whole(answer)
    try:
        found = orjson.loads(body)
    except ValueError as error:
        raise Finding(f"{_told(request, name)}\nnot JSON: {body[:500]!r}") from error
    if answer.status >= 400 and (found.get("kind"), found.get("code")) != ("Status", answer.status):
        raise Finding(f"{_told(request, name)}\n{answer.status} without its Status: {found}")


async def _everything_is_readable(cluster: TestCluster, faults: list[str], seed: int) -> None:
    """What was let in can be read in every form."""
    for operation in await operations(cluster):
        if operation.method != "GET" or "{" in operation.path:
            continue
        for form in (
            "application/json",
            "application/yaml",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/vnd.kubernetes.protobuf, application/json",
        ):
            request = Request("GET", operation.path, "", {"accept": form}, user=ADMIN)
            status = await _one(cluster, request, faults, f"{seed}/read")
            if status != 200:
                raise Finding(f"{_told(request, f'{seed}/read')}\n{status}")


def _told(request: Request, name: str) -> str:
    shown = request.body if len(request.body) < 4000 else request.body[:200] + b"..."
    return (
        f"request {name}: {request.method} {request.path}?{request.query} {dict(request.headers)} "
        f"as {request.user}\n{shown!r}"
    )
