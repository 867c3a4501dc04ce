"""Reconcile one Application: look, decide, act, report."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import APPLICATIONS
from grappe.base.clock import Clock
from grappe.client.discovery import RESTMapper
from grappe.client.informer import Informer
from grappe.client.interface import Client
from grappe.delivery.application import (
    CONTROL_NAMESPACE,
    Application,
    InvalidSpecError,
    instance_name,
    parse,
    tracking_name,
)
from grappe.delivery.deletion import Deletion, DeletionError
from grappe.delivery.desired import DesiredState
from grappe.delivery.diff.compare import Comparer
from grappe.delivery.diff.normalize import describe
from grappe.delivery.live import LiveObjects
from grappe.delivery.operate import Operator
from grappe.delivery.render.directory import RenderError
from grappe.delivery.report import REFRESH, Report, Reporter
from grappe.delivery.repository_secrets import RepositorySecrets
from grappe.delivery.sources import SourceError
from grappe.delivery.sources.repositories import Repositories
from grappe.delivery.sync.advance import Advancer
from grappe.delivery.sync.perform import Performer
from grappe.delivery.world import World
from grappe.reconcile import Controller, Key, Result
from grappe.reconcile.events import Recorder
from grappe.reconcile.versions import VersionTracker

_CONCURRENCY = 8
_SOURCE_AGAIN = 20.0
_STALE_AGAIN = 0.05


class Delivery:
    """Everything of one process; `run` works until cancelled."""

    def __init__(
        self, client: Client, work_dir: Path, clock: Clock, *, remote_seconds: float
    ) -> None:
        self._clock = clock
        self._applications = Informer(client, APPLICATIONS)
        self._controller = Controller(
            "delivery", reconcile=self.reconcile, concurrency=_CONCURRENCY
        )
        events = Recorder(client, "argocd-application-controller", clock=clock)
        self._versions = VersionTracker(clock)
        self._reporter = Reporter(client, events, self._versions, clock)
        self._secrets = RepositorySecrets(client)
        self._repositories = Repositories(
            work_dir, remote_seconds=remote_seconds, credentials=self._secrets.credentials
        )
        self._secrets.add_handler(self._repositories.retry_failed)
        mapper = RESTMapper(client)
        self._live = LiveObjects(client, self._on_live_change)
        self._comparer = Comparer(client, self._live)
        self._desired = DesiredState(self._repositories, mapper)
        self._world = World(mapper, self._live, self._comparer)
        performer = Performer(client, mapper, self._live)
        advancer = Advancer(performer, self._live, clock)
        self._operator = Operator(
            self._desired, self._world, advancer, self._reporter, events, clock
        )
        self._deletion = Deletion(client, self._world, self._live, performer)

    async def run(self) -> None:
        self._applications.add_handler(self._on_application)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._applications.run(), name="informer applications")
            group.create_task(self._secrets.run(), name="repository secrets")
            group.create_task(self._live.run(), name="live objects")
            group.create_task(self._repositories.run(self._on_commit), name="repositories")
            await self._applications.synced.wait()
            await self._secrets.first_list()
            group.create_task(self._controller.run(), name="delivery")

    # -- what makes an Application be looked at --------------------------------------------
    def _on_application(self, event_type: str, obj: Object, old: Object | None) -> None:
        if event_type == "DELETED":
            meta = obj["metadata"]
            self._versions.forget(Key(meta["namespace"], meta["name"]))
        if old is None or event_type == "DELETED" or _asked(obj) != _asked(old):
            self._controller.enqueue_object(obj)

    def _on_live_change(self, app: str) -> None:
        namespace, underscore, name = app.partition("_")
        if not underscore:
            namespace, name = CONTROL_NAMESPACE, app
        if self._applications.get(namespace, name) is not None:
            self._controller.enqueue(namespace, name)

    def _on_commit(self, url: str) -> None:
        for user in self._repositories.users(url):
            if isinstance(user, Key):
                self._controller.enqueue(*user)

    # -- reconcile -------------------------------------------------------------------------
    async def reconcile(self, key: Key) -> Result | None:
        application = self._applications.get(*key)
        if self._versions.is_stale(key, application):
            return Result(_STALE_AGAIN)
        if application is None:
            self._repositories.forget(key)
            self._live.forget(key)
            self._comparer.forget(tracking_name(*key))
            return None
        report = Report.of(application)
        if application["metadata"].get("deletionTimestamp"):
            return await self._delete(key, report)
        try:
            app = parse(application)
            self._repositories.use(key, {source.repo_url for source in app.sources})
            await self._refresh(key, app, report)
        except InvalidSpecError as error:
            await self._unknown(key, report, "InvalidSpecError", str(error))
        except (SourceError, RenderError) as error:
            told = f"Failed to load target state: {error}"
            await self._unknown(key, report, "ComparisonError", told)
        except ApiError as error:
            if error.code == 409:
                raise  # our copy was old: again, at once
            await self._unknown(key, report, "ComparisonError", describe(error))
        await self._reporter.write(report)
        return Result(report.again * random.uniform(1.0, 1.1))

    async def _unknown(self, key: Key, report: Report, condition: str, message: str) -> None:
        """What is wanted cannot be known; how what there is is doing can."""
        known = report.status.get("resources") or ()
        await self._world.follow(key, None, known)
        live = self._live.tracked(instance_name(report.application))
        report.unknown(condition, message, [obj for _, obj in live], self._clock.now())
        report.again = _SOURCE_AGAIN

    async def _refresh(self, key: Key, app: Application, report: Report) -> None:
        meta = report.application["metadata"]
        asked = (meta.get("annotations") or {}).get(REFRESH, "")
        report.refreshed = bool(asked)
        if asked == "hard":
            self._desired.forget(app.sources)
            self._comparer.forget(app.name)
        desired = await self._desired.load(app, app.sources, refresh=bool(asked))
        report.conditions += desired.targets.warnings
        known = report.status.get("resources") or ()
        unfollowed = await self._world.follow(key, desired, known)
        compared = await self._world.compare(app, desired)
        report.compared(compared, desired.revisions, self._clock.now())
        report.conditions += self._world.shared(app, compared)
        await self._operator.operate(key, app, report, desired, compared)
        report.conditions += [("ComparisonError", failure) for failure in unfollowed]

    async def _delete(self, key: Key, report: Report) -> Result | None:
        try:
            return await self._deletion.proceed(key, report.application)
        except (DeletionError, ApiError) as error:
            told = describe(error) if isinstance(error, ApiError) else str(error)
            report.conditions.append(("DeletionError", told))
            await self._reporter.write(report)
            raise


def _asked(application: Object) -> tuple[Any, ...]:
    """Everything of an Application that asks for something: not its status, except that an
    operation can be ended through it."""
    meta = application["metadata"]
    state = (application.get("status") or {}).get("operationState") or {}
    return (
        application.get("spec"),
        application.get("operation"),
        meta.get("annotations"),
        meta.get("finalizers"),
        meta.get("deletionTimestamp"),
        meta.get("uid"),
        state.get("phase") == "Terminating",
    )
