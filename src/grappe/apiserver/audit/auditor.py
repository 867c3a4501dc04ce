"""Follows requests that the policy wants told through their stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grappe.apiserver.audit.event import NAMED_WITHIN, Followed, Told, needs_name
from grappe.apiserver.audit.log import AuditLog
from grappe.apiserver.audit.policy import LEVELS, Level, Policy
from grappe.apiserver.audit.webhook import AuditWebhook
from grappe.apiserver.http.messages import Request, Response, User
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.clock import Clock
from grappe.base.metrics import Counter, Registry

AUDIT_ID = "Audit-ID"
"""The header that names a request in the log, in requests and answers."""

COMPLETE, PANIC = "ResponseComplete", "Panic"

_NOBODY = User("")
_LONGEST_ID = 64


class Auditor:
    """`begin` costs a look-up for a request that nothing is told of. `reason` says why a request
    was allowed."""

    def __init__(
        self,
        policy: Policy,
        log: AuditLog,
        registry: Registry,
        clock: Clock,
        new_id: Callable[[], str],
        reason: Callable[[User, RequestInfo], str],
        webhook: AuditWebhook | None = None,
    ) -> None:
        losing: dict[str, AuditLog | AuditWebhook] = {"log": log}
        if webhook is not None:
            losing["webhook"] = webhook
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._reason = reason
        self._log = log
        self._told = dict.fromkeys(LEVELS.values(), 0)
        self._events = 0
        registry.add(
            Counter(
                "apiserver_audit_event_total",
                "Events told.",
                (),
                lambda: (((), self._events),),
            )
        )
        registry.add(
            Counter(
                "apiserver_audit_error_total",
                "Events that were lost.",
                ("plugin",),
                lambda: (((plugin,), one.lost) for plugin, one in losing.items()),
            )
        )
        registry.add(
            Counter(
                "apiserver_audit_level_total",
                "Requests told, by level.",
                ("level",),
                lambda: (((name,), self._told[level]) for name, level in LEVELS.items()),
            )
        )

    def begin(self, request: Request, info: RequestInfo) -> Followed | None:
        """Once it is known who asks: whether the request is told of."""
        decision = self._policy.decide(request.user or _NOBODY, info)
        if decision is None:
            return None
        given = request.headers.get("audit-id", "")
        if not (given and len(given) <= _LONGEST_ID and given.isascii() and given.isprintable()):
            given = self._new_id()
        found = Followed(request, info, decision, given, self._clock.now())
        self._told[decision.level] += 1
        if request.annotations is None:
            request.annotations = {}
        if "RequestReceived" not in decision.omit_stages:
            self._tell(found, "RequestReceived", 0)
        return found

    def started(self, followed: Followed, code: int) -> None:
        """The answer's head is sent; the answer goes on."""
        self._tell(followed, "ResponseStarted", code)

    def completed(
        self, followed: Followed, stage: str, code: int, answer: Response | None = None
    ) -> None:
        """The answer is whole, or (PANIC) there is none but our excuse. `answer` is there unless
        it was a stream."""
        self._tell(followed, stage, code, answer)

    def close(self) -> None:
        self._log.close()

    def _tell(
        self, followed: Followed, stage: str, code: int, answer: Response | None = None
    ) -> None:
        """Take note of a stage. What the event says is worked out when its line is written; only
        by what the request was allowed may have changed by then."""
        decision, request = followed.decision, followed.request
        if stage in decision.omit_stages:
            return
        if request.reason is None and request.decision == "allow" and request.user is not None:
            request.reason = self._reason(request.user, followed.info)
        body: bytes | Sequence[bytes] = b""
        held = len(request.body)
        if answer is not None:
            body = answer.body
            if code < 400 and decision.level < Level.REQUEST_RESPONSE:
                first = body if isinstance(body, bytes) else body[0]
                body = first[:NAMED_WITHIN] if needs_name(followed.info) else b""
            else:
                held += len(body) if isinstance(body, bytes) else sum(map(len, body))
        self._events += 1
        kind = answer.content_type if answer is not None else ""
        self._log.add(Told(followed, stage, code, self._clock.now(), body, kind).line, held)
