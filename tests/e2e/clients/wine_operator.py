"""A kopf operator for the kind Wine of the group in $WINE_GROUP: what test_kopf runs."""

from __future__ import annotations

import os
from typing import Any

import kopf

GROUP = os.environ["WINE_GROUP"]
WINE = (GROUP, "v1", "wines")


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.level = 20
    settings.persistence.finalizer = "kopf.example.com/tidy"
    settings.watching.server_timeout = 5  # so that it has to come back


@kopf.on.create(*WINE)
def created(spec: Any, patch: kopf.Patch, body: Any, **_: Any) -> dict[str, Any]:
    kopf.event(body, type="Normal", reason="Corked", message=f"{spec['bottles']} bottles")
    patch.status["colour"] = spec["colour"]
    return {"bottles": spec["bottles"]}


@kopf.on.update(*WINE, field="spec.bottles")
def updated(old: Any, new: Any, patch: kopf.Patch, **_: Any) -> None:
    patch.status["change"] = f"{old} to {new}"


@kopf.on.delete(*WINE)
def deleted(meta: Any, patch: kopf.Patch, **_: Any) -> None:
    patch.metadata.annotations["tidied"] = "yes"


@kopf.timer(*WINE, interval=0.2)
def tick(status: Any, patch: kopf.Patch, **_: Any) -> None:
    patch.status["ticks"] = min(int(status.get("ticks", 0)) + 1, 3)


@kopf.on.event("", "v1", "configmaps", labels={"seen-by": "kopf"})
def seen(event: Any, name: str, namespace: str, logger: Any, **_: Any) -> None:
    logger.info(f"saw {event['type']} {namespace}/{name}")
