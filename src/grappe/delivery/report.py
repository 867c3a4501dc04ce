"""Report: write an Application's status, and tell of its changes by events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import APPLICATIONS
from grappe.base.clock import Clock, parse_rfc3339, rfc3339
from grappe.client.interface import Client
from grappe.delivery import status
from grappe.delivery.diff.compare import Compared
from grappe.delivery.targets import Target
from grappe.reconcile.events import Recorder
from grappe.reconcile.versions import VersionTracker

REFRESH = "argocd.argoproj.io/refresh"
COMPARE_SECONDS = 180.0


@dataclass(slots=True)
class Report:
    """What one reconcile will write. `status` starts as it was; `again` is when to look again,
    in seconds; `refreshed` and `operation_done` take the annotation and the operation away."""

    application: Object
    status: Object
    conditions: list[tuple[str, str]] = field(default_factory=list)
    again: float = COMPARE_SECONDS
    refreshed: bool = False
    operation_done: bool = False

    @classmethod
    def of(cls, application: Object) -> Report:
        return cls(application, {**(application.get("status") or {})})

    @property
    def spec(self) -> Object:
        spec: Object = self.application["spec"]
        return spec

    def compared(self, found: Sequence[Compared], revisions: Sequence[str], now: float) -> None:
        """Put the result of a comparison into the status."""
        before = self.application.get("status") or {}
        self.status |= {
            "sync": status.sync(self.spec, found, revisions),
            "health": status.health(found, before, now),
            "resources": status.resources(found),
            "sourceType": "Directory",
            "controllerNamespace": self.application["metadata"]["namespace"],
        }
        if self.spec.get("sources"):
            self.status["sourceTypes"] = ["Directory"] * len(revisions)
        images = status.images(found)
        self.status["summary"] = {"images": images} if images else {}
        self.conditions = [c for c in self.conditions if c[0] != "ComparisonError"]
        self.conditions += [
            ("ComparisonError", f"{c.ref}{_origin(c.target)}: {c.error}") for c in found if c.error
        ]

    def unknown(self, condition: str, message: str, live: Sequence[Object], now: float) -> None:
        """The comparison could not be made: say why. `live` is what the Application owns."""
        before = self.application.get("status") or {}
        self.status["sync"] = status.sync_unknown(self.spec)
        self.status["resources"] = status.resources_unknown(before.get("resources") or (), live)
        found = status.health_unknown(self.status["resources"])
        self.status["health"] = status.health_of(found, before, now)
        self.conditions.append((condition, message))


def _origin(target: Target | None) -> str:
    return f" ({target.origin})" if target is not None else ""


class Reporter:
    def __init__(
        self, client: Client, events: Recorder, versions: VersionTracker, clock: Clock
    ) -> None:
        self._client = client
        self._events = events
        self._versions = versions
        self._clock = clock

    async def write(self, report: Report) -> None:
        """Write what has changed; nothing if nothing has. The newest Application is kept in the
        report. A 409 means that the operation was changed meanwhile: reconcile again."""
        application, now = report.application, self._clock.now()
        before: Object = application.get("status") or {}
        after = report.status
        after["conditions"] = status.conditions(
            before.get("conditions") or (), report.conditions, now
        )
        if not after["conditions"]:
            del after["conditions"]
        patch: Object = {}
        if changed := status.merge_patch(before, after):
            patch["status"] = changed
        if report.refreshed:
            patch["metadata"] = {"annotations": {REFRESH: None}}
        if report.operation_done and application.get("operation") is not None:
            patch["operation"] = None
            version = application["metadata"]["resourceVersion"]
            patch["metadata"] = {**patch.get("metadata", {}), "resourceVersion": version}
        if not patch and not _is_due(before, now):
            return
        patch.setdefault("status", {})["reconciledAt"] = rfc3339(now)
        meta = application["metadata"]
        try:
            report.application = await self._client.patch(
                APPLICATIONS, meta["name"], patch, meta["namespace"]
            )
        except ApiError as error:
            if error.code == 404:
                return  # deleted meanwhile
            raise
        self._versions.wrote(report.application)
        report.status = {**(report.application.get("status") or {})}
        self._tell(application, before, report.status)

    def _tell(self, application: Object, before: Object, after: Object) -> None:
        for part in ("sync", "health"):
            old, new = _word(before, part), _word(after, part)
            if old != new and new:
                arrow = f"{old} -> {new}" if old else f"-> {new}"
                self._events.event(
                    application, "Normal", "ResourceUpdated", f"Updated {part} status: {arrow}"
                )


def _word(of: Object, part: str) -> Any:
    return (of.get(part) or {}).get("status", "")


def _is_due(before: Object, now: float) -> bool:
    """Whether the time of the last reconcile is to be written even if nothing else has changed."""
    last = before.get("reconciledAt")
    return not last or now - parse_rfc3339(last) >= COMPARE_SECONDS
