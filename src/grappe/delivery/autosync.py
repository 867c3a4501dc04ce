"""When to sync without being asked. Pure.

https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/. Where Argo CD leaves a sync that
failed all its retries alone until the next commit, it is tried again here after three minutes: what
it lacked (a namespace, a CRD of another Application) may have come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grappe.api import Object
from grappe.base.clock import parse_rfc3339
from grappe.delivery.application import Application
from grappe.delivery.diff.compare import Compared
from grappe.delivery.resource import SYNC_OPTIONS, options
from grappe.delivery.sync.operation import revisions_of, selection_of

_FAILED_PAUSE = 180.0
_HEAL_FIRST, _HEAL_FACTOR, _HEAL_LIMIT = 2.0, 3.0, 300.0
_HEAL_CALM = 60.0
"""Seconds without a new drift after which healing is prompt again."""


@dataclass(frozen=True, slots=True)
class Start:
    operation: Object


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing now. `again` seconds from now things may be different; `error` is the message of
    a SyncError condition."""

    again: float | None = None
    error: str = ""


def decide(
    app: Application,
    spec: Mapping[str, Any],
    compared: Sequence[Compared],
    revisions: Sequence[str],
    last: Mapping[str, Any] | None,
    now: float,
) -> Start | Hold:
    """`last` is the latest operation's state, over and done; `revisions` are the commits wanted."""
    policy = app.automated
    drift = [c for c in compared if not c.in_sync and not _kept(c)]
    if policy is None or not drift:
        return Hold()
    if not policy.prune and all(c.requires_pruning for c in drift):
        return Hold()
    if policy.prune and not policy.allow_empty and all(c.requires_pruning for c in compared):
        return Hold(
            error=f"Skipping sync attempt to {' '.join(revisions)}: auto-sync will wipe out all "
            "resources (set syncPolicy.automated.allowEmpty to allow it)"
        )
    sync: Object = {"prune": policy.prune}
    if spec.get("sources"):
        sync["revisions"] = list(revisions)
    else:
        sync["revision"] = revisions[0]
    raw_policy = spec.get("syncPolicy") or {}
    if raw_policy.get("syncOptions"):
        sync["syncOptions"] = raw_policy["syncOptions"]
    if last is not None and _attempted(last, spec, revisions):
        finished = parse_rfc3339(last.get("finishedAt") or last["startedAt"])
        if last.get("phase") != "Succeeded":
            due = finished + _FAILED_PAUSE
            if now < due:
                return Hold(due - now, _failure(last, revisions))
        elif not policy.self_heal:
            return Hold()
        else:
            attempts = _heal_attempts(last)
            if now - finished > _HEAL_CALM:
                attempts = 0
            pause = _heal_pause(attempts)
            if now < finished + pause:
                return Hold(finished + pause - now)
            sync["autoHealAttemptsCount"] = attempts + 1
            sync["resources"] = [selection_of(c.ref) for c in drift]
    retry = raw_policy.get("retry") or {"limit": app.retry.limit}
    return Start({"sync": sync, "initiatedBy": {"automated": True}, "retry": retry})


def _kept(compared: Compared) -> bool:
    """What is only there because pruning it is forbidden does not count as drift."""
    return (
        compared.requires_pruning
        and compared.live is not None
        and "Prune=false" in options(compared.live, SYNC_OPTIONS)
    )


def _attempted(last: Mapping[str, Any], spec: Mapping[str, Any], revisions: Sequence[str]) -> bool:
    """Whether the latest operation was for these very commits and sources."""
    result = last.get("syncResult") or {}
    same = (
        result.get("sources") == spec["sources"]
        if spec.get("sources")
        else (result.get("source") == spec.get("source"))
    )
    return bool(same) and revisions_of(last) == list(revisions)


def _heal_attempts(last: Mapping[str, Any]) -> int:
    operation = last.get("operation") or {}
    return int((operation.get("sync") or {}).get("autoHealAttemptsCount") or 0)


def _heal_pause(attempts: int) -> float:
    """The first heal is at once; a drift that keeps coming back is healed ever more slowly."""
    if attempts == 0:
        return 0.0
    return min(_HEAL_LIMIT, _HEAL_FIRST * _HEAL_FACTOR ** min(attempts - 1, 16))


def _failure(last: Mapping[str, Any] | None, revisions: Sequence[str]) -> str:
    if last is None or last.get("phase") not in ("Failed", "Error"):
        return ""
    return f"Failed sync attempt to {' '.join(revisions)}: {last.get('message', '')}"
