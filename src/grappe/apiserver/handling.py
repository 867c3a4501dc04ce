"""Around every request: what it asks for, what it is answered when that fails, what is counted.

`ApiServer` says how a request is answered; this module sees to it that there is an answer, and
that everybody who keeps count learns of it once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from grappe.api.errors import ApiError, internal
from grappe.apiserver.audit.auditor import AUDIT_ID, COMPLETE, PANIC, Auditor
from grappe.apiserver.audit.event import Followed
from grappe.apiserver.http.compression import compressed, compressible
from grappe.apiserver.http.messages import (
    Answer,
    Request,
    Response,
    Stream,
    StreamWriter,
    Tunnel,
)
from grappe.apiserver.metrics.requests import RequestMetrics, labels_of, request_kind
from grappe.apiserver.registry.answers import answer_error
from grappe.apiserver.registry.interface import RequestInfo
from grappe.apiserver.registry.routing import Find, parse

log = logging.getLogger("grappe.apiserver")

Respond = Callable[[Request, RequestInfo], Answer | Awaitable[Answer]]


class Handling:
    """`handle` is the server's Handler."""

    def __init__(
        self, find: Find, respond: Respond, metrics: RequestMetrics, auditor: Auditor
    ) -> None:
        self._find = find
        self._respond = respond
        self._metrics = metrics
        self._auditor = auditor

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one request; never raises."""
        started = perf_counter()
        info = parse(request.method, request.path, request.query, self._find)
        answer: Answer | Awaitable[Answer]
        stage = COMPLETE
        try:
            answer = self._respond(request, info)
        except ApiError as error:
            answer = answer_error(error, request.headers.get("accept", ""))
        except Exception:
            answer, stage = _unexpected(request), PANIC
        if request.user is None and isinstance(answer, Awaitable):
            followed = None  # who asks is not known yet
            request.annotations = {}
        else:
            followed = self._auditor.begin(request, info)
        if isinstance(answer, Response):
            done = self._done(request, info, answer, started, followed, stage)
            return compressed(done) if compressible(done, request) else done
        if isinstance(answer, (Stream, Tunnel)):
            return self._long(request, info, answer, started, followed)
        return self._finish(request, info, answer, started, followed)

    async def _finish(
        self,
        request: Request,
        info: RequestInfo,
        coming: Awaitable[Answer],
        started: float,
        followed: Followed | None,
    ) -> Answer:
        in_flight, kind = self._metrics.in_flight, request_kind(info)
        in_flight[kind] += 1
        known, stage = request.user is not None, COMPLETE
        try:
            answer = await coming
        except ApiError as error:
            answer = answer_error(error, request.headers.get("accept", ""))
        except Exception:
            answer, stage = _unexpected(request), PANIC
        finally:
            in_flight[kind] -= 1
        if not known:
            followed = self._auditor.begin(request, info)
        if isinstance(answer, Response):
            done = self._done(request, info, answer, started, followed, stage)
            return await compressed(done) if compressible(done, request) else done
        return self._long(request, info, answer, started, followed)

    def _done(
        self,
        request: Request,
        info: RequestInfo,
        answer: Response,
        started: float,
        followed: Followed | None,
        stage: str,
    ) -> Response:
        body = answer.body
        size = len(body) if isinstance(body, bytes) else sum(map(len, body))
        self._metrics.answered(request, info, answer.status, perf_counter() - started, size)
        if followed is not None:
            self._auditor.completed(followed, stage, answer.status, answer)
            request.head += f"{AUDIT_ID}: {followed.audit_id}\r\n"
        return answer

    def _long(
        self,
        request: Request,
        info: RequestInfo,
        answer: Stream | Tunnel,
        started: float,
        followed: Followed | None,
    ) -> Answer:
        """An answer that is done when its connection has ended."""
        labels = labels_of(info)
        code = answer.status if isinstance(answer, Stream) else 101

        def begun() -> None:
            self._metrics.long_running.inc(labels)
            if followed is not None:
                self._auditor.started(followed, code)

        def ended() -> None:
            self._metrics.long_running.inc(labels, -1)
            self._metrics.answered(request, info, code, perf_counter() - started, 0)
            if followed is not None:
                self._auditor.completed(followed, COMPLETE, code)

        if isinstance(answer, Stream):
            if followed is not None:
                request.head += f"{AUDIT_ID}: {followed.audit_id}\r\n"
            _follow(answer, begun, ended)
        else:
            begun()
            answer.ended = ended
        return answer


def _follow(answer: Stream, begun: Callable[[], None], ended: Callable[[], None]) -> None:
    """Have `begun` and `ended` called when the stream begins and ends."""
    start = answer.start

    def begin(writer: StreamWriter) -> Callable[[], None]:
        begun()
        try:
            stop = start(writer)
        except BaseException:
            ended()
            raise

        def end() -> None:
            try:
                stop()
            finally:
                ended()

        return end

    answer.start = begin


def _unexpected(request: Request) -> Response:
    """A fault of ours: logged with what led to it, told without."""
    log.exception("%s %s failed", request.method, request.path)
    return answer_error(internal("the server could not answer; its log says why"))
