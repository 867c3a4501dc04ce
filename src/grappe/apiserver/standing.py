"""What is known of a request that is like one before: that it is allowed and why, and its flow.

Authorization and flow control each remember their answers; this remembers both as one, so that a
repeated request costs one look-up for the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from grappe.apiserver.auth.access import Access
from grappe.apiserver.auth.names import MASTERS
from grappe.apiserver.flowcontrol import Flow, FlowControl, Takes, takes
from grappe.apiserver.http.messages import Request, User
from grappe.apiserver.registry.interface import RequestInfo, ServedResource
from grappe.apiserver.registry.routing import opens_a_shell

_REMEMBERED = 10_000
_LONGEST = 600  # characters of a namespace and subresource that are remembered
_Key = tuple[str, tuple[str, ...], str, ServedResource, str, str]


class Standing(NamedTuple):
    """A request that is allowed: the `flow` it belongs to, what it `takes` of the server, and by
    what it is allowed in the audit log's words, None where that must be asked."""

    flow: Flow
    takes: Takes
    reason: str | None = None


class Standings:
    """`of` each request, once it is known who asks."""

    def __init__(
        self, access: Access, flows: FlowControl, reason: Callable[[User, RequestInfo], str]
    ) -> None:
        self._access = access
        self._flows = flows
        self._reason = reason
        self._known: dict[_Key, Standing] = {}
        access.rbac.on_change(self._known.clear)
        flows.on_change(self._known.clear)

    def of(self, request: Request, user: User, info: RequestInfo) -> Standing:
        """The standing of a request that is allowed; ApiError 403 for others. `request` is told
        what is decided."""
        served = info.served
        if served is None:
            return self._judge(request, user, info)
        key = (user.name, user.groups, info.verb, served, info.subresource, info.namespace)
        found = self._known.get(key)
        if found is None:
            found = self._judge(request, user, info)
            if self._lasting(user, info):
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                found = found._replace(reason=self._reason(user, info))
                self._known[key] = found
        request.head = found.flow.headers
        request.decision = "allow"
        request.reason = found.reason
        return found

    def _judge(self, request: Request, user: User, info: RequestInfo) -> Standing:
        flow = self._flows.flow(user, info)
        request.head = flow.headers
        request.decision = "forbid"
        self._access.authorize(user, info)
        if opens_a_shell(info):
            # WebSocket clients open with GET what changes the pod: reading it is not enough.
            self._access.authorize(user, replace(info, verb="create"))
        request.decision = "allow"
        return Standing(flow, takes(flow, info))

    def _lasting(self, user: User, info: RequestInfo) -> bool:
        """Whether every request of this kind is allowed, whatever it names."""
        if opens_a_shell(info) or len(info.namespace) + len(info.subresource) > _LONGEST:
            return False
        return MASTERS in user.groups or self._access.evaluator.remembers(user, info)
