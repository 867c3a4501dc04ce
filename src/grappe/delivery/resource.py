"""Which object is meant: group, kind, namespace, name; and how an Application marks its own.

Tracking is by annotation, `APP:GROUP/KIND:NAMESPACE/NAME`, as Argo CD does since version 3
(https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/). The annotation is copied
along by controllers (from a Deployment to its ReplicaSets): it counts only on the object it names.
"""

from __future__ import annotations

from typing import NamedTuple

from grappe.api import Object

TRACKING = "argocd.argoproj.io/tracking-id"
SYNC_WAVE = "argocd.argoproj.io/sync-wave"
SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
HOOK = "argocd.argoproj.io/hook"
HOOK_DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"
HOOK_RUN = "delivery.grappe.dev/hook-run"
"""Ours: which try of which sync made a hook, so that a restart never runs it twice."""


class Ref(NamedTuple):
    """`namespace` is empty for what has none."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        kind = f"{self.group}/{self.kind}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


def group_of(obj: Object) -> str:
    return str(obj["apiVersion"]).rpartition("/")[0]


def ref_of(obj: Object) -> Ref:
    meta = obj["metadata"]
    return Ref(group_of(obj), obj["kind"], meta.get("namespace") or "", meta["name"])


def annotation(obj: Object, key: str) -> str:
    value: str = (obj["metadata"].get("annotations") or {}).get(key) or ""
    return value


def options(obj: Object, key: str) -> frozenset[str]:
    """The words of a comma-separated annotation, such as `Prune=false,Replace=true`."""
    return frozenset(word.strip() for word in annotation(obj, key).split(",") if word.strip())


def sync_wave(obj: Object) -> int:
    """The wave an object asks for; 0 when it asks for none, or for none that is a number."""
    try:
        return int(annotation(obj, SYNC_WAVE))
    except ValueError:
        return 0


def tracking_id(app: str, ref: Ref, fallback_namespace: str) -> str:
    """What has no namespace is tracked under the Application's destination namespace."""
    namespace = ref.namespace or fallback_namespace
    return f"{app}:{ref.group}/{ref.kind}:{namespace}/{ref.name}"


def owner_of(obj: Object) -> str | None:
    """The Application whose tracking annotation this object carries as its own; None: nobody's."""
    app, _, rest = annotation(obj, TRACKING).partition(":")
    group_kind, _, namespace_name = rest.partition(":")
    group, _, kind = group_kind.rpartition("/")
    namespace, _, name = namespace_name.partition("/")
    own = ref_of(obj)
    if not app or (group, kind, name) != (own.group, own.kind, own.name):
        return None
    return app if own.namespace in ("", namespace) else None
