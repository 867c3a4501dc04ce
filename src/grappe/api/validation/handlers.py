"""Probes and lifecycle hooks of a container.

https://kubernetes.io/docs/concepts/workloads/pods/probes/
"""

from __future__ import annotations

from collections.abc import Callable

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, required
from grappe.api.validation.rules import (
    Causes,
    none_negative,
    one_of,
    port_number,
    port_number_or_name,
)

_Actions = dict[str, Callable[[Object, str], Causes]]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_COUNTS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)


def probe(found: Object, kind: str, at: str) -> Causes:
    yield from _handler(found, at, _PROBE_ACTIONS)
    yield from none_negative(found, at, *_COUNTS)
    grace = found.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        yield invalid(f"{at}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if kind == "readinessProbe":
        if grace is not None:
            detail = "must not be set for readinessProbes"
            yield invalid(f"{at}.terminationGracePeriodSeconds", grace, detail)
    elif found.get("successThreshold", 1) != 1:
        yield invalid(f"{at}.successThreshold", found["successThreshold"], "must be 1")


def lifecycle(found: Object, at: str, grace: int | None) -> Causes:
    """`grace` is the pod's termination grace period, if it has a valid one."""
    for hook in ("postStart", "preStop"):
        handler = found.get(hook)
        if handler is None:
            continue
        where = f"{at}.{hook}"
        yield from _handler(handler, where, _HOOK_ACTIONS)
        if (sleep := handler.get("sleep")) is not None and grace is not None:
            seconds = sleep.get("seconds", 0)
            if not 0 <= seconds <= grace:
                detail = (
                    f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                )
                yield invalid(f"{where}.sleep", seconds, detail)


def _handler(handler: Object, at: str, actions: _Actions) -> Causes:
    given = [kind for kind in actions if kind in handler]
    for n, kind in enumerate(given):
        if n:
            yield forbidden(f"{at}.{kind}", "may not specify more than 1 handler type")
        else:
            yield from actions[kind](handler[kind], f"{at}.{kind}")
    if not given:
        yield required(at, "must specify a handler type")


def _exec(action: Object, at: str) -> Causes:
    if not action.get("command"):
        yield required(f"{at}.command")


def _http_get(action: Object, at: str) -> Causes:
    if not action.get("path"):
        yield required(f"{at}.path")
    yield from port_number_or_name(action.get("port", 0), f"{at}.port")
    yield from one_of(action.get("scheme"), f"{at}.scheme", ("HTTP", "HTTPS"))
    for header in action.get("httpHeaders") or ():
        for problem in names.header_name_problems(header.get("name") or ""):
            yield invalid(f"{at}.httpHeaders", header.get("name") or "", problem)


def _tcp_socket(action: Object, at: str) -> Causes:
    yield from port_number_or_name(action.get("port", 0), f"{at}.port")


def _grpc(action: Object, at: str) -> Causes:
    yield from port_number(action.get("port", 0), f"{at}.port")


def _sleep(action: Object, at: str) -> Causes:
    """How long is held against the grace period by the caller."""
    return iter(())


_ACTIONS: _Actions = {
    "exec": _exec,
    "httpGet": _http_get,
    "tcpSocket": _tcp_socket,
}
_PROBE_ACTIONS = {**_ACTIONS, "grpc": _grpc}
_HOOK_ACTIONS = {**_ACTIONS, "sleep": _sleep}
