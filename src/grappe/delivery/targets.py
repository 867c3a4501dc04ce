"""From rendered manifests to what an Application wants in the cluster. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.delivery.application import Application
from grappe.delivery.render.directory import Manifest, RenderError
from grappe.delivery.resource import HOOK, TRACKING, Ref, group_of, options, sync_wave, tracking_id

_PHASES = ("PreSync", "Sync", "PostSync", "SyncFail")


@dataclass(frozen=True, slots=True)
class Target:
    """One object wanted. `resource` is None while the cluster does not serve its kind; `phases`
    are those of a hook, empty for what is kept; `origin` is its file and line."""

    ref: Ref
    resource: Resource | None
    object: Object
    origin: str
    phases: tuple[str, ...] = ()

    @property
    def wave(self) -> int:
        return sync_wave(self.object)

    @property
    def is_hook(self) -> bool:
        return bool(self.phases)


@dataclass(frozen=True, slots=True)
class Targets:
    """`warnings` are (condition type, message)."""

    kept: tuple[Target, ...]
    hooks: tuple[Target, ...]
    warnings: tuple[tuple[str, str], ...]


ServedBy = Callable[[str, str], Resource | None]


def prepare(manifests: Sequence[Manifest], app: Application, served_by: ServedBy) -> Targets:
    """Give every object its namespace and its mark; of one that comes twice the last counts.

    RenderError when an object needs a namespace and neither it nor the Application names one.
    """
    coming = {scope for manifest in manifests if (scope := _defines(manifest.object)) is not None}
    kept: dict[Ref, Target] = {}
    hooks: dict[tuple[Ref, str], Target] = {}
    seen: dict[Ref, int] = {}
    for manifest in manifests:
        target = _target(manifest, app, served_by, dict(coming))
        if target is None:
            continue
        if target.is_hook:
            hooks[target.ref, target.origin] = target
            continue
        seen[target.ref] = seen.get(target.ref, 0) + 1
        kept[target.ref] = target
    warnings = tuple(
        (
            "RepeatedResourceWarning",
            f"Resource {ref.group}/{ref.kind}/{ref.namespace}/{ref.name} appeared {count} times "
            "among application resources.",
        )
        for ref, count in seen.items()
        if count > 1
    )
    return Targets(tuple(kept.values()), tuple(hooks.values()), warnings)


def _defines(obj: Object) -> tuple[tuple[str, str], bool] | None:
    """((group, kind), has namespaces) of what a CustomResourceDefinition brings."""
    if obj["kind"] != "CustomResourceDefinition":
        return None
    spec = obj.get("spec") or {}
    kind = (spec.get("names") or {}).get("kind")
    return ((str(spec.get("group")), str(kind)), spec.get("scope") == "Namespaced")


def _target(
    manifest: Manifest,
    app: Application,
    served_by: ServedBy,
    coming: dict[tuple[str, str], bool],
) -> Target | None:
    obj = manifest.object
    meta = dict(obj["metadata"])
    resource = served_by(obj["apiVersion"], obj["kind"])
    group = group_of(obj)
    if resource is not None:
        namespaced = resource.namespaced
    else:
        namespaced = coming.get((group, obj["kind"]), True)
    if namespaced:
        meta["namespace"] = meta.get("namespace") or app.namespace
        if not meta["namespace"]:
            raise RenderError(
                f"{manifest.origin}: {obj['kind']} {meta.get('name', '')} has no namespace: set it "
                "there, or set spec.destination.namespace"
            )
    else:
        meta.pop("namespace", None)
    phases = _phases(obj)
    if phases == ("Skip",):
        return None
    name = meta.get("name") or meta["generateName"]
    ref = Ref(group, obj["kind"], meta.get("namespace", ""), name)
    annotations = dict(meta.get("annotations") or {})
    annotations[TRACKING] = tracking_id(app.name, ref, app.namespace)
    meta["annotations"] = annotations
    meta.pop("creationTimestamp", None)
    meta.pop("managedFields", None)
    made = {key: value for key, value in obj.items() if key != "status"}
    return Target(ref, resource, {**made, "metadata": meta}, manifest.origin, phases)


def _phases(obj: Object) -> tuple[str, ...]:
    """When a hook runs; () for what is no hook. An object with only a generateName is a hook of
    the Sync phase: it cannot be kept, as it has another name each time."""
    wanted = options(obj, HOOK)
    if "Skip" in wanted:
        return ("Skip",)
    phases = tuple(phase for phase in _PHASES if phase in wanted)
    if not phases and not obj["metadata"].get("name"):
        return ("Sync",)
    return phases
