"""Follows requests that the policy wants told through their stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from grappe.apiserver.audit.event import Told
from grappe.apiserver.audit.log import AuditLog
from grappe.apiserver.audit.policy import LEVELS, Decision, Level, Policy
from grappe.apiserver.http.messages import Request, Response, User
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.clock import Clock
from grappe.base.metrics import Counter, Registry

AUDIT_ID = "Audit-ID"
"""The header that names a request in the log, in requests and answers."""

COMPLETE, PANIC = "ResponseComplete", "Panic"

_NOBODY = User("")
_LONGEST_ID = 64
_LONGEST_URI = 8192
_ALLOWED = "authorization.k8s.io/decision"
_REASON = "authorization.k8s.io/reason"
_LEVEL_NAMES = {level: (name,) for name, level in LEVELS.items()}


@dataclass(slots=True)
class Followed:
    """A request that is told of."""

    request: Request
    info: RequestInfo
    decision: Decision
    audit_id: str
    received: float
    annotations: dict[str, str] = field(default_factory=dict)


class Auditor:
    """`begin` costs a look-up for a request that nothing is told of. `reason` says why a request
    was allowed."""

    def __init__(
        self,
        policy: Policy,
        log: AuditLog,
        registry: Registry,
        clock: Clock,
        new_uid: Callable[[], str],
        reason: Callable[[User, RequestInfo], str],
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._new_uid = new_uid
        self._reason = reason
        self._events = registry.add(Counter("apiserver_audit_event_total", "Events told."))
        registry.add(
            Counter(
                "apiserver_audit_error_total",
                "Events that were lost.",
                ("plugin",),
                lambda: ((("log",), log.lost),),
            )
        )
        self._levels = registry.add(
            Counter("apiserver_audit_level_total", "Requests told, by level.", ("level",))
        )
        self._log = log

    def begin(self, request: Request, info: RequestInfo) -> Followed | None:
        """Once it is known who asks: whether the request is told of."""
        decision = self._policy.decide(request.user or _NOBODY, info)
        if decision is None:
            return None
        given = request.headers.get("audit-id", "")
        usable = given.isascii() and given.isprintable() and len(given) <= _LONGEST_ID
        found = Followed(
            request,
            info,
            decision,
            given if given and usable else self._new_uid(),
            self._clock.now(),
        )
        self._levels.inc(_LEVEL_NAMES[decision.level])
        request.annotations = found.annotations
        if "RequestReceived" not in decision.omit_stages:
            self._tell(found, "RequestReceived")
        return found

    def started(self, followed: Followed, code: int) -> None:
        """The answer's head is sent; the answer goes on."""
        self._authorization(followed)
        self._tell(followed, "ResponseStarted", code)

    def completed(
        self, followed: Followed, stage: str, code: int, answer: Response | None = None
    ) -> None:
        """The answer is whole, or (PANIC) there is none but our excuse. `answer` is there unless
        it was a stream."""
        self._authorization(followed)
        self._tell(followed, stage, code, answer)

    def close(self) -> None:
        self._log.close()

    def _authorization(self, followed: Followed) -> None:
        request = followed.request
        if request.decision and _ALLOWED not in followed.annotations:
            followed.annotations[_ALLOWED] = request.decision
            reason = ""
            if request.decision == "allow" and request.user is not None:
                reason = self._reason(request.user, followed.info)
            followed.annotations[_REASON] = reason

    def _tell(
        self, followed: Followed, stage: str, code: int = 0, answer: Response | None = None
    ) -> None:
        decision, request = followed.decision, followed.request
        if stage in decision.omit_stages:
            return
        query = f"?{request.query}" if request.query else ""
        told = Told(
            decision,
            followed.audit_id,
            stage,
            (request.path + query)[:_LONGEST_URI],
            followed.info.verb,
            followed.info,
            request.impersonator or request.user,
            request.user if request.impersonator is not None else None,
            _addresses(request.headers, request.remote),
            request.headers.get("user-agent", ""),
            followed.received,
            self._clock.now(),
            code,
        )
        if stage != "RequestReceived":
            told.annotations = followed.annotations
        held = 0
        if answer is not None:
            first = answer.body if isinstance(answer.body, bytes) else answer.body[0]
            if code >= 400:
                told.status = first
            else:
                told.named = first[:300]
            if decision.level >= Level.REQUEST_RESPONSE:
                whole = first if isinstance(answer.body, bytes) else b"".join(answer.body)
                told.response = (whole, {"content-type": answer.content_type})
                held += len(whole)
        if decision.level >= Level.REQUEST and code:
            told.request = (request.body, request.headers)
            held += len(request.body)
        self._events.inc()
        self._log.add(told.line, held)


def _addresses(headers: Mapping[str, str], remote: str) -> list[str]:
    """Where a request came from, through which proxies; `::1` for one made in-process."""
    found = []
    if "x-forwarded-for" in headers:
        found = [part.strip() for part in headers["x-forwarded-for"].split(",") if part.strip()]
    if real := headers.get("x-real-ip"):
        found.append(real)
    peer = remote or "::1"
    if peer not in found[-1:]:
        found.append(peer)
    return found
