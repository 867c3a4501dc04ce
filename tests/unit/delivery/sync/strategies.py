"""Syncs as hypothesis makes them, and a little world in which they are carried out."""

from __future__ import annotations

from hypothesis import strategies as st

from grappe.api.resources import builtin_kind
from grappe.delivery.application import SyncOptions
from grappe.delivery.diff.compare import Compared
from grappe.delivery.resource import Ref
from grappe.delivery.sync.tasks import build_tasks
from grappe.delivery.targets import Target

KINDS = {
    "Namespace": "v1",
    "ConfigMap": "v1",
    "Secret": "v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
}


def made(kind: str, name: str, wave: int = 0, **annotations: str) -> dict:
    marks = {"argocd.argoproj.io/sync-wave": str(wave)} if wave else {}
    marks |= {f"argocd.argoproj.io/{k.replace('_', '-')}": v for k, v in annotations.items()}
    meta: dict = {"name": name, "uid": f"uid-{kind}-{name}", "annotations": marks}
    if kind != "Namespace":
        meta["namespace"] = "shop"
    return {"apiVersion": KINDS[kind], "kind": kind, "metadata": meta}


def ref(obj: dict) -> Ref:
    meta = obj["metadata"]
    group = obj["apiVersion"].rpartition("/")[0]
    return Ref(group, obj["kind"], meta.get("namespace", ""), meta["name"])


def compared(obj: dict, *, live: bool, target: bool, in_sync: bool = False) -> Compared:
    resource = builtin_kind(obj["apiVersion"], obj["kind"])
    wanted = Target(ref(obj), resource, obj, "a.yaml:1") if target else None
    return Compared(ref(obj), resource, wanted, obj if live else None, in_sync and live and target)


def hook(obj: dict, *phases: str) -> Target:
    return Target(ref(obj), builtin_kind(obj["apiVersion"], obj["kind"]), obj, "a.yaml:1", phases)


waves = st.integers(-2, 3)
kinds = st.sampled_from(sorted(KINDS))
objects = st.builds(made, kinds, st.sampled_from("abcdef"), waves)


@st.composite
def resources(draw, max_size: int = 8) -> list[Compared]:
    """Different resources: wanted, there, or both."""
    chosen = draw(st.lists(objects, max_size=max_size, unique_by=ref))
    found = []
    for obj in chosen:
        live, target = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
        found.append(compared(obj, live=live, target=target, in_sync=draw(st.booleans())))
    return found


@st.composite
def hooks(draw) -> list[Target]:
    names = draw(st.lists(st.sampled_from(["h1", "h2", "h3"]), unique=True, max_size=3))
    phase = st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail"])
    return [
        hook(made("Job", name, draw(waves)), *draw(st.sets(phase, min_size=1, max_size=2)))
        for name in names
    ]


def tasks_of(found, hooked=(), **options):
    return build_tasks(
        found,
        hooked,
        SyncOptions(**options),
        only=None,
        namespace="shop",
        namespace_metadata=None,
        suffix="abc-{phase}-1",
    )
