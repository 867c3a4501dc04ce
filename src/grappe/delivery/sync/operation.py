"""`operation` and `status.operationState`: what was asked for, and how far it has come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grappe.api import Object
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.delivery.application import (
    Application,
    Retry,
    Source,
    SyncOptions,
    parse_options,
    parse_retry,
    parse_source,
)
from grappe.delivery.resource import Ref
from grappe.delivery.sync.decide import HookPhase, Outcome
from grappe.delivery.sync.tasks import Task, TaskId

RUNNING, TERMINATING = "Running", "Terminating"


@dataclass(frozen=True, slots=True)
class Request:
    """One sync, as asked for. `sources` carry the revision to sync to."""

    sources: tuple[Source, ...]
    options: SyncOptions
    prune: bool
    dry_run: bool
    force: bool
    only: frozenset[Ref] | None
    retry: Retry
    automated: bool


def parse_request(operation: Mapping[str, Any], app: Application) -> Request:
    """InvalidSpecError when it asks for what cannot be done."""
    sync = operation.get("sync") or {}
    automated = bool((operation.get("initiatedBy") or {}).get("automated"))
    strategy = sync.get("syncStrategy") or {}
    how = strategy.get("apply") or strategy.get("hook") or {}
    raw_options = sync.get("syncOptions")
    only = None
    if sync.get("resources"):
        only = frozenset(_selected(raw, app.namespace) for raw in sync["resources"])
    return Request(
        sources=_sources(sync, app),
        options=app.options if raw_options is None else parse_options(raw_options),
        prune=bool(sync.get("prune")),
        dry_run=bool(sync.get("dryRun")),
        force=bool(how.get("force")),
        only=only,
        retry=parse_retry(operation.get("retry"), default=0),
        automated=automated,
    )


def _sources(sync: Mapping[str, Any], app: Application) -> tuple[Source, ...]:
    sources: Sequence[Source] = app.sources
    if sync.get("sources"):
        sources = [parse_source(raw, n) for n, raw in enumerate(sync["sources"])]
    elif sync.get("source"):
        sources = [parse_source(sync["source"])]
    revisions = sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else [])
    return at_revisions(sources, revisions)


def at_revisions(sources: Sequence[Source], revisions: Sequence[str]) -> tuple[Source, ...]:
    """The sources, pinned; one without a revision stays as it is."""
    return tuple(
        replace(source, target_revision=revisions[n])
        if n < len(revisions) and revisions[n]
        else source
        for n, source in enumerate(sources)
    )


def _selected(raw: Mapping[str, Any], namespace: str) -> Ref:
    return Ref(raw.get("group") or "", raw["kind"], raw.get("namespace") or namespace, raw["name"])


def begin(
    operation: Object,
    spec: Mapping[str, Any],
    revisions: Sequence[str],
    before: Mapping[str, Any] | None,
    now: float,
) -> Object:
    """The state of an operation that starts now.

    No two operations of an Application start in the same second (`before` is the one before): by
    its start a hook is known to be this operation's.
    """
    started = max(now, parse_rfc3339(before["startedAt"]) + 1) if before else now
    sync = operation.get("sync") or {}
    result: Object = {"resources": []}
    if spec.get("sources"):
        result |= {"revision": "", "revisions": list(revisions)}
        result["sources"] = sync.get("sources") or spec["sources"]
    else:
        result |= {"revision": revisions[0], "source": sync.get("source") or spec["source"]}
    return {
        "operation": operation,
        "phase": RUNNING,
        "message": "one or more tasks are running",
        "startedAt": rfc3339(started),
        "syncResult": result,
    }


def revisions_of(state: Mapping[str, Any]) -> list[str]:
    """The commits an operation syncs to, one for each source."""
    result = state.get("syncResult") or {}
    return result.get("revisions") or [result.get("revision") or ""]


def is_running(state: Mapping[str, Any] | None) -> bool:
    return state is not None and state.get("phase") in (RUNNING, TERMINATING)


def retry_at(state: Mapping[str, Any], retry: Retry) -> float | None:
    """When a sync that failed and is to be tried again goes on; None when it is under way."""
    if state.get("phase") != RUNNING or not state.get("finishedAt"):
        return None
    retries = max(0, int(state.get("retryCount") or 0) - 1)
    return parse_rfc3339(state["finishedAt"]) + retry.backoff.pause(retries)


def try_again(state: Object) -> Object:
    """The state as the next try begins: nothing done yet."""
    kept = {key: value for key, value in state.items() if key != "finishedAt"}
    return {**kept, "syncResult": {**state["syncResult"], "resources": []}}


def widened(state: Object, drifted: Iterable[Ref]) -> Object:
    """The state of a sync of some resources, with those that have drifted too."""
    operation = state["operation"]
    listed = [*operation["sync"]["resources"]]
    listed += [selection for ref in drifted if (selection := selection_of(ref)) not in listed]
    sync = {**operation["sync"], "resources": listed}
    return {**state, "operation": {**operation, "sync": sync}}


def selection_of(ref: Ref) -> Object:
    """How an operation names one resource."""
    selected = {"group": ref.group, "kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
    return {key: value for key, value in selected.items() if value}


def finish(state: Object, phase: str, message: str, retry: Retry, now: float) -> Object:
    """The state once a try is over: done, or waiting for the next try."""
    retries = int(state.get("retryCount") or 0)
    now = max(now, parse_rfc3339(state["startedAt"]))
    ended = {**state, "finishedAt": rfc3339(now)}
    if phase == "Failed" and (retry.limit < 0 or retries < retry.limit):
        pause = retry.backoff.pause(retries)
        when = rfc3339(now + pause)
        told = f"{message.rstrip('.')}. Retrying attempt #{retries + 1} at {when}."
        return {**ended, "phase": RUNNING, "retryCount": retries + 1, "message": told}
    if retries and phase == "Failed":
        message = f"{message} (retried {retries} times)."
    return {**ended, "phase": phase, "message": message}


def failed(operation: Object, begun: Object | None, message: str, now: float) -> Object:
    """The state of an operation that cannot even begin, or go on."""
    state = begun or {"operation": operation, "startedAt": rfc3339(now)}
    return {**state, "phase": "Error", "message": message, "finishedAt": rfc3339(now)}


def superseded(state: Object, why: str, now: float) -> Object:
    """The state of an automated sync that is no longer wanted."""
    return {**state, "phase": "Failed", "message": why, "finishedAt": rfc3339(now)}


# -- outcomes, in the state's syncResult.resources -----------------------------------------


def outcomes_of(state: Mapping[str, Any]) -> dict[TaskId, Outcome]:
    found: dict[TaskId, Outcome] = {}
    for raw in (state.get("syncResult") or {}).get("resources") or ():
        ref = Ref(raw.get("group") or "", raw["kind"], raw.get("namespace") or "", raw["name"])
        phase: HookPhase = raw.get("hookPhase") or ""
        task_id = TaskId(raw.get("syncPhase") or "Sync", ref)
        found[task_id] = Outcome(raw.get("status") or "", phase, raw.get("message") or "")
    return found


def with_outcomes(
    state: Object, known: Mapping[TaskId, Task], outcomes: Mapping[TaskId, Outcome]
) -> Object:
    """The state with these results, in the order things were done. `known` are the tasks this
    process has seen; of others (pruned before it started) what the state says is kept."""
    before = {
        TaskId(
            raw.get("syncPhase") or "Sync",
            Ref(raw.get("group") or "", raw["kind"], raw.get("namespace") or "", raw["name"]),
        ): raw
        for raw in state["syncResult"].get("resources") or ()
    }
    listed = []
    for task_id, outcome in outcomes.items():
        task = known.get(task_id)
        raw = dict(before.get(task_id) or {}) if task is None else _result(task)
        raw |= {"status": outcome.status, "message": outcome.message}
        if outcome.phase:
            raw["hookPhase"] = outcome.phase
        listed.append(raw)
    return {**state, "syncResult": {**state["syncResult"], "resources": listed}}


def _result(task: Task) -> Object:
    group, _, version = task.api_version.rpartition("/")
    result: Object = {
        "group": group,
        "version": version,
        "kind": task.ref.kind,
        "namespace": task.ref.namespace,
        "name": task.ref.name,
        "syncPhase": task.id.phase,
    }
    if task.is_hook:
        result["hookType"] = task.id.phase
    return result
