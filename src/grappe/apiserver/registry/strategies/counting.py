"""Kinds that count their generations, and what counts as a change of each."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.strategies.base import Strategy


class CountingStrategy(Strategy):
    """Changes of `spec` count."""

    generation = True


class IngressStrategy(CountingStrategy):
    def initial_status(self, obj: Object) -> Object:
        return {"loadBalancer": {}}


class ReplicationControllerStrategy(CountingStrategy):
    """The oldest kind with dependents keeps the oldest habit: it leaves them behind."""

    orphans = True


class DeploymentStrategy(CountingStrategy):
    """Annotations count too, since they are copied to replica sets."""

    def asks_otherwise(self, new: Object, old: Object) -> bool:
        annotations = new["metadata"].get("annotations"), old["metadata"].get("annotations")
        return super().asks_otherwise(new, old) or (annotations[0] or {}) != (annotations[1] or {})


class EverythingCountsStrategy(CountingStrategy):
    """Kinds without a spec: every change but of metadata counts, and of labels where they steer
    (endpoint slices)."""

    def asks_otherwise(self, new: Object, old: Object) -> bool:
        if (new["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {}):
            return True
        return any(new.get(k) != old.get(k) for k in {*new, *old} - {"metadata"})


class JobStrategy(CountingStrategy):
    """A job selects its pods by its own uid, unless it says otherwise.
    https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-selector"""

    orphans = True
    deletion_warning = (
        "child pods are preserved by default when jobs are deleted; set "
        "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress "
        "this warning"
    )

    def prepare_create(self, obj: Object, user: User) -> None:
        super().prepare_create(obj, user)
        spec = obj.get("spec")
        if not isinstance(spec, dict) or spec.get("manualSelector"):
            return
        metadata = obj["metadata"]
        template = spec.setdefault("template", {})
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        if not isinstance(labels, dict):
            return
        # What says otherwise already is refused by validation.
        for prefix in ("", "batch.kubernetes.io/"):
            labels.setdefault(f"{prefix}controller-uid", metadata["uid"])
            labels.setdefault(f"{prefix}job-name", metadata["name"])
        wanted = spec.setdefault("selector", {}).setdefault("matchLabels", {})
        wanted.setdefault("batch.kubernetes.io/controller-uid", metadata["uid"])
