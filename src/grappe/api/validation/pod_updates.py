"""What may change of a pod once it is there, on each of its doors: the pod itself, its status,
ephemeral containers, resize.

https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid
from grappe.api.quality import quality_of_service
from grappe.api.validation import pods
from grappe.api.validation.affinity import tolerations
from grappe.api.validation.annotations import MIRROR, annotation_changes
from grappe.api.validation.rules import Causes, address, immutable, qualified, well_formed
from grappe.api.validation.spec_diff import spec_diff

_MAX_DEADLINE = 2**31 - 1
_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)
_MUST = "requiredDuringSchedulingIgnoredDuringExecution"
_UNCHANGED = "(no mutations or deletions)"
_RESIZABLE = ("cpu", "memory")


def update(new: Object, old: Object) -> Causes:
    """A running pod's spec is settled but for a few fields."""
    yield from pods.validate(new)
    yield from _annotations(new, old)
    spec, before = new["spec"], old["spec"]
    for part in ("containers", "initContainers"):
        if len(spec.get(part) or ()) != len(before.get(part) or ()):
            yield forbidden(f"spec.{part}", "pod updates may not add or remove containers")
            return
    deadline, had = (s.get("activeDeadlineSeconds") for s in (spec, before))
    where = "spec.activeDeadlineSeconds"
    if deadline is not None:
        if not 0 <= deadline <= _MAX_DEADLINE:
            yield invalid(where, deadline, names.range_problem(0, _MAX_DEADLINE))
            return
        if had is not None and deadline > had:
            yield invalid(where, deadline, "must be less than or equal to previous value")
            return
    elif had is not None:
        yield invalid(where, None, "must not update from a positive integer to nil value")
    yield from _tolerations(spec, before)
    yield from _gates(spec.get("schedulingGates") or (), before.get("schedulingGates") or ())
    if spec == before:
        return
    if before.get("schedulingGates"):
        yield from _gated_changes(spec, before)
    settled, had_settled = _settled(spec, before), _settled(before, before)
    if settled != had_settled:
        yield forbidden("spec", f"{_MAY_CHANGE}\n{spec_diff(had_settled, settled)}")


def _annotations(new: Object, old: Object) -> Causes:
    now, before = (o["metadata"].get("annotations") or {} for o in (new, old))
    if now != before:
        yield from annotation_changes(now, before, "metadata.annotations")


def _tolerations(spec: Object, before: Object) -> Causes:
    now, had = spec.get("tolerations") or (), before.get("tolerations") or ()
    if now == had:
        return

    def plain(toleration: Object) -> Object:
        return {k: v for k, v in toleration.items() if k != "tolerationSeconds"}

    kept = [plain(t) for t in now]
    if not all(plain(t) in kept for t in had):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        yield forbidden("spec.tolerations", detail)
    else:
        yield from tolerations(now, "spec.tolerations")


def _gates(now: Iterable[Object], had: Iterable[Object]) -> Causes:
    known = {gate.get("name") for gate in had}
    for i, gate in enumerate(now):
        if gate.get("name") not in known:
            name = gate.get("name") or ""
            detail = f"only deletion is allowed, but found new scheduling gate '{name}'"
            yield forbidden(f"spec.schedulingGates[{i}].name", detail)


def _settled(spec: Object, before: Object) -> Object:
    """A spec without what an update may change."""
    kept = {k: v for k, v in spec.items() if v not in ([], {})}
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        kept.pop(field, None)
    grace = "terminationGracePeriodSeconds"
    if (before.get(grace) or 0) < 0 and spec.get(grace) == 1:
        kept[grace] = before[grace]
    if before.get("schedulingGates"):
        kept.pop("nodeSelector", None)
        affinity = {k: v for k, v in (kept.pop("affinity", None) or {}).items() if v}
        affinity.pop("nodeAffinity", None)
        if affinity:
            kept["affinity"] = affinity
    for part in ("containers", "initContainers"):
        if part in kept:
            images = [c.get("image", "") for c in before[part]]
            kept[part] = [
                {**c, "image": image} for c, image in zip(kept[part], images, strict=True)
            ]
    return kept


def _gated_changes(spec: Object, before: Object) -> Causes:
    """Until it may be scheduled, where a pod may run can be narrowed."""
    selector, had = (s.get("nodeSelector") or {} for s in (spec, before))
    if any(selector.get(key) != value for key, value in had.items()):
        where = "spec.nodeSelector"
        yield invalid(where, selector, f"only additions to {where} are allowed {_UNCHANGED}")
    now, was = ((s.get("affinity") or {}).get("nodeAffinity") or {} for s in (spec, before))
    terms = ((was.get(_MUST) or {}).get("nodeSelectorTerms")) or []
    if now == was or not terms:
        return
    wanted = ((now.get(_MUST) or {}).get("nodeSelectorTerms")) or []
    where = f"spec.affinity.nodeAffinity.{_MUST}.nodeSelectorTerms"
    if len(wanted) != len(terms):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        yield invalid(where, wanted, detail)
        return
    for i, (term, old) in enumerate(zip(wanted, terms, strict=True)):
        if not _narrowed(term, old):
            yield invalid(f"{where}[{i}]", term, f"only additions are allowed {_UNCHANGED}")


def _narrowed(term: Object, old: Object) -> bool:
    """Whether a term has everything the old one had, in its place; an empty one stays empty."""
    if not old.get("matchExpressions") and not old.get("matchFields"):
        return not term.get("matchExpressions") and not term.get("matchFields")
    for part in ("matchExpressions", "matchFields"):
        had = old.get(part) or []
        if (term.get(part) or [])[: len(had)] != had:
            return False
    return True


def ephemeral_containers(new: Object, old: Object) -> Causes:
    """They come, and stay as they are."""
    if MIRROR in (old["metadata"].get("annotations") or {}):
        yield forbidden("", "static pods do not support ephemeral containers")
        return
    yield from pods.validate(new)
    at = "spec.ephemeralContainers"
    now = {c.get("name"): c for c in new["spec"].get("ephemeralContainers") or ()}
    for container in old["spec"].get("ephemeralContainers") or ():
        name = container.get("name")
        if name not in now:
            yield forbidden(at, f'existing ephemeral containers "{name}" may not be removed\n')
        elif now[name] != container:
            yield forbidden(at, f'existing ephemeral containers "{name}" may not be changed\n')


def resize(new: Object, old: Object) -> Causes:
    """CPU and memory of containers that run on."""
    refusal = _not_resizable(new, old)
    if refusal:
        yield forbidden("", refusal)
        return
    refused = list(pods.validate(new))
    yield from refused
    if refused:
        return
    if quality_of_service(old) != quality_of_service(new):
        told = (new.get("status") or {}).get("qosClass") or ""
        yield invalid("spec", told, "Pod QOS Class may not change as a result of resizing")
    for part in ("initContainers", "containers"):
        for i, (now, was) in enumerate(
            zip(new["spec"].get(part) or (), old["spec"].get(part) or (), strict=True)
        ):
            yield from _resized(now, was, f"spec.{part}[{i}].resources", part)


def _not_resizable(new: Object, old: Object) -> str:
    if any(_asks(pod["spec"].get("resources")) for pod in (new, old)):
        return "pods with pod-level resources cannot be resized"
    if MIRROR in (old["metadata"].get("annotations") or {}):
        return "static pods cannot be resized"
    if (old["spec"].get("os") or {}).get("name") == "windows":
        return "windows pods cannot be resized"
    return ""


def _asks(resources: Object | None) -> bool:
    found = resources or {}
    return bool(found.get("requests") or found.get("limits"))


def _resized(now: Object, was: Object, at: str, part: str) -> Causes:
    sidecar = part == "initContainers" and was.get("restartPolicy") == "Always"
    wanted, had = now.get("resources") or {}, was.get("resources") or {}
    if part == "initContainers" and not sidecar:
        if wanted != had:
            yield forbidden("spec", "resources for non-sidecar init containers are immutable")
        return
    for kind in ("requests", "limits"):
        if set(had.get(kind) or ()) - set(wanted.get(kind) or ()):
            yield forbidden(f"{at}.{kind}", f"resource {kind} cannot be removed")

    def rest(resources: Object) -> Object:
        kept = {k: v for k, v in resources.items() if k not in ("requests", "limits")}
        for kind in ("requests", "limits"):
            listed = resources.get(kind) or {}
            kept[kind] = {k: v for k, v in listed.items() if k not in _RESIZABLE}
        return kept

    if rest(wanted) != rest(had):
        whose = " resources for sidecar containers" if sidecar else " resources"
        yield forbidden("spec", f"only cpu and memory{whose} are mutable")


def status_update(new: Object, old: Object) -> Causes:
    yield from _annotations(new, old)
    status, before = new.get("status") or {}, old.get("status") or {}
    for i, condition in enumerate(status.get("conditions") or ()):
        if condition.get("type") not in ("PodScheduled", "Ready", "Initialized"):
            yield from qualified(condition.get("type") or "", f"metadata.conditions[{i}].Type")
    nominated = status.get("nominatedNodeName")
    if nominated and nominated != before.get("nominatedNodeName"):
        where = "status.nominatedNodeName"
        yield from well_formed(nominated, where, names.dns_subdomain_problems)
    if before.get("qosClass"):
        yield from immutable(status.get("qosClass"), before["qosClass"], "status.qosClass")
    restart = old["spec"].get("restartPolicy")
    sidecars = {
        c.get("name")
        for c in old["spec"].get("initContainers") or ()
        if c.get("restartPolicy") == "Always"
    }
    own_rules = {
        c.get("name")
        for part in ("containers", "initContainers")
        for c in old["spec"].get(part) or ()
        if c.get("restartPolicy") or c.get("restartPolicyRules")
    }
    for part, policy, free in (
        ("containerStatuses", restart, own_rules),
        ("initContainerStatuses", restart, sidecars | own_rules),
        ("ephemeralContainerStatuses", "Never", set()),
    ):
        yield from _stay_ended(status.get(part) or (), before.get(part) or (), part, policy, free)
    yield from _addresses(status)


def _stay_ended(
    now: Iterable[Object], had: Iterable[Object], part: str, policy: str | None, free: set[str]
) -> Causes:
    """A container that nothing restarts does not come back."""
    if policy == "Always" or now == had:
        return
    states = {s.get("name"): s.get("state") or {} for s in now}
    for i, status in enumerate(had):
        ended = (status.get("state") or {}).get("terminated")
        name = status.get("name")
        if ended is None or name in free or name not in states:
            continue
        if ended.get("exitCode", 0) and policy == "OnFailure":
            continue
        if "terminated" not in states[name]:
            detail = "may not be transitioned to non-terminated state"
            yield forbidden(f"status.{part}[{i}].state", detail)


def _addresses(status: Object) -> Causes:
    """One address of each family at most, of the pod and of its host."""
    hosts = status.get("hostIPs") or ()
    if hosts and hosts[0].get("ip") != status.get("hostIP"):
        yield invalid("status.hostIPs[0].ip", hosts[0].get("ip"), "must be equal to `hostIP`")
    for field in ("podIPs", "hostIPs"):
        listed = status.get(field) or ()
        for i, entry in enumerate(listed):
            yield from address(entry.get("ip"), f"status.{field}[{i}]")
        if len(listed) > 1:
            families = {":" in (entry.get("ip") or "") for entry in listed}
            if len(listed) > 2 or len(families) != 2:
                detail = "may specify no more than one IP for each IP family"
                yield invalid(f"status.{field}", list(listed), detail)
            seen: set[str] = set()
            for i, entry in enumerate(listed):
                if entry.get("ip") in seen:
                    yield duplicate(f"status.{field}[{i}]", entry)
                seen.add(entry.get("ip"))
