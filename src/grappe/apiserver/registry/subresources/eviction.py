"""`pods/eviction`: deletion that asks the pod's disruption budget first, and tells the pod why.

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from grappe.api import Object
from grappe.api.errors import OBJECT_MODIFIED, ApiError, bad_request, conflict, not_found
from grappe.api.resources import builtin_kind
from grappe.api.selectors import label_selector_from_object
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.answers import answer_object
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.codec import decode, draft
from grappe.apiserver.registry.committing import commit, until_settled
from grappe.apiserver.registry.deleting import DeleteOptions, delete_object, options_from
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.subresources.bodies import admit_body, read_kind
from grappe.base.clock import rfc3339
from grappe.store.interface import Record, RevisionMismatchError

_ATTEMPTS = 5
_SETTLING = 10
"""Seconds a client should wait for the disruption controller."""
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


async def evict(backend: Backend, call: Call) -> Response:
    """POST of an Eviction: 201 with a Status, or ApiError 429 while the budget forbids it."""
    form = call.form
    eviction = read_kind(call, "Eviction", "policy/v1")
    raw = eviction.get("deleteOptions") or {}
    if not isinstance(raw, dict):
        raise bad_request("deleteOptions must be an object")
    if call.info.query.get("dryRun") and not raw.get("dryRun"):
        raw = {**raw, "dryRun": [call.info.query["dryRun"]]}
    options = options_from(raw)
    live = backend.store.latest(call.served.bucket, call.key)
    if live is None:
        await until_settled(backend.store, call.served.bucket, call.key)
        raise not_found(call.served.resource.plural, call.info.name)
    await admit_body(backend, call, eviction, options.dry_run)
    pod = decode(call.served, live)
    if not _needs_no_budget(pod):
        await _spend(backend, call, pod, options)
    if not options.dry_run:
        options = await _mark(backend, call, options)
    await delete_object(backend, call, call.key, call.info.name, options)
    answer: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return answer_object(201, {**answer, "code": 201}, form)


async def _mark(backend: Backend, call: Call, options: DeleteOptions) -> DeleteOptions:
    """Say on the pod why it will go: a Job's failure policy, for one, asks. A precondition that
    named the pod as it was names it as it is then."""
    bucket = call.served.bucket
    for _ in range(_ATTEMPTS):
        live = backend.store.latest(bucket, call.key)
        if live is None:
            raise not_found(call.served.resource.plural, call.info.name)
        pod = decode(call.served, live)
        if options.uid not in ("", pod["metadata"]["uid"]):
            return options  # the deletion refuses it in its own words
        if options.resource_version not in ("", str(live.revision)):
            return options
        _add_condition(pod, rfc3339(backend.clock.now()))
        try:
            make = partial(draft, call.served, pod)
            record = await commit(partial(backend.store.put, bucket, call.key, live.revision, make))
        except RevisionMismatchError:
            continue
        if not options.resource_version:
            return options
        return replace(options, resource_version=str(record.revision))
    raise conflict(call.served.resource.plural, call.info.name, OBJECT_MODIFIED)


def _add_condition(pod: Object, now: str) -> None:
    status = pod.setdefault("status", {})
    conditions = status.setdefault("conditions", [])
    marks: Object = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastTransitionTime": now,
    }
    for place, condition in enumerate(conditions):
        if condition.get("type") == marks["type"]:
            if condition.get("status") == "True":
                marks["lastTransitionTime"] = condition.get("lastTransitionTime") or now
            conditions[place] = marks
            return
    conditions.append(marks)


def _needs_no_budget(pod: Object) -> bool:
    """A pod that has ended, never started, or is already going disrupts nobody."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(
        pod["metadata"].get("deletionTimestamp")
    )


async def _spend(backend: Backend, call: Call, pod: Object, options: DeleteOptions) -> None:
    """Take one disruption from the pod's budget, if it has one."""
    resource = builtin_kind("policy/v1", "PodDisruptionBudget")
    assert resource is not None
    served = backend.catalog.find("policy", "v1", resource.plural)
    assert served is not None
    for _ in range(_ATTEMPTS):
        found = [r for r in _budgets(backend, served, call) if _covers(decode(served, r), pod)]
        if len(found) > 1:
            raise ApiError(500, "", _SEVERAL)
        if not found:
            return
        live = found[0]
        budget = decode(served, live)
        if not _ready(pod) and _lets_unready_go(budget):
            return
        _take(budget, pod["metadata"]["name"], rfc3339(backend.clock.now()))
        if options.dry_run:
            return
        try:
            make = partial(draft, served, budget)
            put = partial(backend.store.put, served.bucket, live.key, live.revision, make)
            await commit(put)
            return
        except RevisionMismatchError:
            continue
    raise _refused("the disruption budget is being changed by others")


def _budgets(backend: Backend, served: ServedResource, call: Call) -> list[Record]:
    """The newest budgets of the pod's namespace."""
    listed = backend.store.list(served.bucket, f"{call.info.namespace}/")
    newest = (backend.store.latest(served.bucket, record.key) for record in listed)
    return [record for record in newest if record is not None]


def _covers(budget: Object, pod: Object) -> bool:
    selector = (budget.get("spec") or {}).get("selector")
    return label_selector_from_object(selector).matches(pod["metadata"].get("labels"))


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _lets_unready_go(budget: Object) -> bool:
    status = budget.get("status") or {}
    if (budget["spec"].get("unhealthyPodEvictionPolicy") or "") == "AlwaysAllow":
        return True
    healthy, desired = status.get("currentHealthy") or 0, status.get("desiredHealthy") or 0
    return bool(healthy >= desired and desired > 0)


def _take(budget: Object, pod: str, now: str) -> None:
    """Count the disruption in `budget`; ApiError 429 when it has none left."""
    status = budget.setdefault("status", {})
    name = budget["metadata"]["name"]
    generation = budget["metadata"].get("generation") or 0
    if (status.get("observedGeneration") or 0) < generation:
        why = f"The disruption budget {name} is still being processed by the server."
        raise _refused(why, _SETTLING)
    allowed = status.get("disruptionsAllowed") or 0
    if allowed <= 0:
        raise _refused(
            f"The disruption budget {name} needs {status.get('desiredHealthy') or 0} healthy pods "
            f"and has {status.get('currentHealthy') or 0} currently",
        )
    status["disruptionsAllowed"] = allowed - 1
    status["disruptedPods"] = {**(status.get("disruptedPods") or {}), pod: now}


def _refused(why: str, retry_after: int = 0) -> ApiError:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    headers = []
    if retry_after:
        details["retryAfterSeconds"] = retry_after
        headers = [("Retry-After", str(retry_after))]
    return ApiError(429, "TooManyRequests", _REFUSED, details, headers)
