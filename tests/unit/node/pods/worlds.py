"""Hypothesis strategies: pods and what a node may have seen of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from grappe.api import Object
from grappe.node.pods import spec
from grappe.node.pods.backoff import BackOff
from grappe.node.pods.config import ANNOTATION_HASH
from grappe.node.pods.snapshot import Snapshot
from grappe.node.runtime.interface import ContainerStatus, Sandbox, SandboxStatus

NOW = 10_000.0


def pod(
    main: int = 1, init: tuple[str, ...] = (), policy: str = "Always", **changes: Any
) -> Object:
    """A pod; `init` names kinds of init containers: `once` or `sidecar`."""
    inits = [
        {"name": f"i{n}", "image": "img", **({"restartPolicy": "Always"} if k == "sidecar" else {})}
        for n, k in enumerate(init)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns", "uid": "u1", "generation": 1},
        "spec": {
            "restartPolicy": policy,
            "initContainers": inits,
            "containers": [{"name": f"c{n}", "image": "img"} for n in range(main)],
            **changes,
        },
        "status": {},
    }


def status(
    name: str,
    state: str = "running",
    *,
    code: int = 0,
    attempt: int = 0,
    sandbox: str = "s0",
    finished: float = NOW - 1,
    made_from: str | None = None,
) -> ContainerStatus:
    return ContainerStatus(
        id=f"{name}-{attempt}",
        sandbox_id=sandbox,
        name=name,
        attempt=attempt,
        state=state,  # type: ignore[arg-type]
        created_at=NOW - 100 + attempt,
        started_at=NOW - 99 + attempt if state != "created" else 0,
        finished_at=finished if state == "exited" else 0,
        exit_code=code if state == "exited" else 0,
        reason="",
        message="",
        image="img",
        image_ref="sha256:x",
        log_path="",
        labels={},
        annotations={
            ANNOTATION_HASH: made_from or spec.definition_hash({"name": name, "image": "img"})
        },
    )


def sandbox(attempt: int = 0, ready: bool = True) -> Sandbox:
    return Sandbox(f"s{attempt}", "p", "ns", "u1", attempt, ready, NOW - 200 + attempt, {})


def snapshot(
    of: Object,
    containers: dict[str, tuple[ContainerStatus, ...]] | None = None,
    *,
    sandboxes: tuple[Sandbox, ...] = (sandbox(),),
    **changes: Any,
) -> Snapshot:
    containers = containers or {}
    running = {c.id for found in containers.values() for c in found if c.state == "running"}
    current = None
    if sandboxes:
        current = SandboxStatus(
            sandboxes[0].id, sandboxes[0].ready, ("10.0.0.1",), False, sandboxes[0].created_at
        )
    facts: dict[str, Any] = {
        "pod": of,
        "now": NOW,
        "sandboxes": sandboxes,
        "current": current,
        "containers": containers,
        "started": frozenset(running),
        "ready": frozenset(running),
        "backoff": BackOff(),
        **changes,
    }
    return Snapshot(**facts)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any world a worker may find, also unlikely ones."""
    of = pod(
        draw(st.integers(1, 3)),
        tuple(draw(st.lists(st.sampled_from(["once", "sidecar"]), max_size=3))),
        draw(st.sampled_from(["Always", "OnFailure", "Never"])),
    )
    count = draw(st.integers(0, 3))
    sandboxes = tuple(sandbox(attempt, draw(st.booleans())) for attempt in reversed(range(count)))
    containers = {}
    for declared in spec.containers(of):
        instances = []
        for attempt in reversed(range(draw(st.integers(0, 4)))):
            newest = not instances
            state = draw(
                st.sampled_from(["running", "exited", "created", "unknown"])
                if newest
                else st.just("exited")
            )
            instances.append(
                status(
                    declared.name,
                    state,
                    code=draw(st.sampled_from([0, 0, 1, 137])),
                    attempt=attempt,
                    sandbox=draw(st.sampled_from([s.id for s in sandboxes] or ["s9"])),
                    finished=NOW - draw(st.floats(0, 1000)),
                )
            )
        if instances:
            containers[declared.name] = tuple(instances)
    running = [c[0].id for c in containers.values() if c[0].state == "running"]
    started = frozenset(i for i in running if draw(st.booleans()))
    backoff = BackOff()
    for name in containers:
        if draw(st.booleans()):
            backoff.next(f"u1/{name}", 0.0, NOW - draw(st.floats(0, 500)))
    failed = {
        i: draw(st.sampled_from(["liveness", "startup"])) for i in running if draw(st.booleans())
    }
    return snapshot(
        of,
        containers,
        sandboxes=sandboxes,
        started=started,
        failed_probes=failed,
        backoff=backoff,
    )
