"""Compare what is wanted with what is, one resource at a time, and remember the answers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import Client
from grappe.delivery.application import IgnoredDifference
from grappe.delivery.diff.managed_fields import remove_owned
from grappe.delivery.diff.normalize import comparable, describe, keep_live, remove_pointers
from grappe.delivery.health import Health, assess
from grappe.delivery.live import LiveObjects
from grappe.delivery.resource import Ref, sync_wave
from grappe.delivery.targets import Target

FIELD_MANAGER = "argocd-controller"
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Compared:
    """One resource of an Application. Without a target it is to be pruned, without a live object
    to be created. `error` says why the two could not be compared."""

    ref: Ref
    resource: Resource | None
    target: Target | None
    live: Object | None
    in_sync: bool
    error: str = ""

    @property
    def requires_pruning(self) -> bool:
        return self.target is None

    @property
    def wave(self) -> int:
        if self.target is not None:
            return self.target.wave
        return sync_wave(self.live) if self.live is not None else 0

    @property
    def health(self) -> Health | None:
        return None if self.live is None else assess(self.live)


class Comparer:
    """Asks the server only when the target or the live object has changed since it last did."""

    def __init__(self, client: Client, live: LiveObjects) -> None:
        self._client = client
        self._live = live
        self._answers: dict[str, dict[bytes, tuple[bool, str]]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def compare(
        self, app: str, targets: Sequence[Target], ignored: Sequence[IgnoredDifference]
    ) -> list[Compared]:
        """Every target with its live object, in the targets' order.

        Raises TransportError when the server cannot be reached.
        """
        before, now = self._answers.get(app, {}), dict[bytes, tuple[bool, str]]()
        compared = await asyncio.gather(
            *(self._compare_one(target, ignored, before, now) for target in targets)
        )
        self._answers[app] = now
        return compared

    def forget(self, app: str) -> None:
        """Ask the server anew about everything of this Application."""
        self._answers.pop(app, None)

    async def _compare_one(
        self,
        target: Target,
        ignored: Sequence[IgnoredDifference],
        before: dict[bytes, tuple[bool, str]],
        now: dict[bytes, tuple[bool, str]],
    ) -> Compared:
        resource = target.resource
        if resource is None:
            return Compared(target.ref, None, target, None, False)
        relevant = [rule for rule in ignored if rule.matches(*target.ref)]
        async with self._slots:
            try:
                live = await self._live.get(resource, target.ref)
            except ApiError as error:
                return Compared(target.ref, resource, target, None, False, describe(error))
            if live is None:
                return Compared(target.ref, resource, target, None, False)
            question = _question(target.object, live, relevant)
            answer = before.get(question)
            if answer is None:
                answer = await self._ask(resource, target.object, live, relevant)
            if not answer[1]:
                now[question] = answer
        return Compared(target.ref, resource, target, live, *answer)

    async def _ask(
        self,
        resource: Resource,
        target: Object,
        live: Object,
        ignored: Sequence[IgnoredDifference],
    ) -> tuple[bool, str]:
        """(in sync, what went wrong)."""
        managers = [manager for rule in ignored for manager in rule.managers]
        pointers = [pointer for rule in ignored for pointer in rule.pointers]
        meta = target["metadata"]
        try:
            # What is ignored must not be able to fail the dry run (an immutable field, say).
            sent = keep_live(target, live, pointers) if pointers else target
            predicted = await self._client.apply(
                resource, sent, field_manager=FIELD_MANAGER, force=True, dry_run=True
            )
            if managers:
                live = await self._client.get(resource, meta["name"], meta.get("namespace"))
        except ApiError as error:
            return False, describe(error)
        ours, theirs = comparable(predicted), comparable(live)
        for state in (ours, theirs):
            remove_pointers(state, pointers)
        if managers:
            remove_owned((ours, theirs), live, managers)
        return ours == theirs, ""


def _question(target: Object, live: Object, ignored: Sequence[IgnoredDifference]) -> bytes:
    """What the answer depends on. Not on the live object's status, which changes often."""
    digest = hashlib.sha256(orjson.dumps(target, option=orjson.OPT_SORT_KEYS))
    digest.update(orjson.dumps(comparable(live), option=orjson.OPT_SORT_KEYS))
    if any(rule.managers for rule in ignored):
        digest.update(str(live["metadata"].get("resourceVersion")).encode())
    digest.update(f"{live['metadata'].get('uid')} {ignored!r}".encode())
    return digest.digest()
