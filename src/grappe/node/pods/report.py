"""Write a pod's status to the API server, only when it changed, and finish its deletion."""

from __future__ import annotations

import asyncio
import logging

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS
from grappe.client.interface import Client, TransportError

log = logging.getLogger("grappe.node.pods")

_FIRST_RETRY, _LAST_RETRY = 0.2, 10.0
_REPLACED = ("podIPs", "hostIPs")
_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


class Reporter:
    """The status of one pod on its way to the API server.

    `want` returns at once: a pod goes on while the API server is slow or away. Only the latest
    status is written.
    """

    def __init__(self, client: Client, pod: Object) -> None:
        self._client = client
        self._pod = pod
        self._known: Object = pod.get("status") or {}
        self._revision = _revision(pod)
        self._wanted: Object | None = None
        self._writer: asyncio.Task[None] | None = None
        self.start_time = ""

    def seen(self, pod: Object) -> None:
        """The API server's own copy has come by; one older than our last write is no news."""
        self._pod = pod
        if _revision(pod) >= self._revision:
            self._known = pod.get("status") or {}
            self._revision = _revision(pod)

    def status(self) -> Object:
        """The status as it is or soon will be, with what others have written into it."""
        if self._wanted is None:
            return self._known
        conditions = {c["type"]: c for c in self._known.get("conditions") or ()}
        conditions |= {c["type"]: c for c in self._wanted.get("conditions") or ()}
        return {**self._known, **self._wanted, "conditions": list(conditions.values())}

    def container_flags(self) -> dict[str, tuple[bool, bool]]:
        """Container id → (started, ready) as last written, whoever wrote it."""
        flags = {}
        for name in _LISTS:
            for status in self._known.get(name) or ():
                container_id = str(status.get("containerID", "")).partition("://")[2]
                flags[container_id] = (bool(status.get("started")), bool(status.get("ready")))
        return flags

    def want(self, status: Object) -> None:
        """Have this status written, if it is news."""
        self._wanted = status
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="pod status")

    async def flush(self) -> None:
        """Wait until the latest status has been written."""
        if self._writer is not None:
            await asyncio.wait({self._writer})

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _write_all(self) -> None:
        delay = _FIRST_RETRY
        while (status := self._wanted) is not None:
            try:
                await self._write(status)
            except (ApiError, TransportError) as error:
                name = self._pod["metadata"]["name"]
                log.warning("writing the status of pod %s: %s", name, error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY)
                continue
            if self._wanted is status:
                self._wanted = None

    async def _write(self, status: Object) -> None:
        """Patch the status subresource; quiet when the pod is gone."""
        patch = difference(self._known, status)
        if not patch:
            return
        meta = self._pod["metadata"]
        try:
            answer = await self._client.patch(
                PODS,
                meta["name"],
                {"metadata": {"uid": meta.get("uid")}, "status": patch},
                meta["namespace"],
                patch_type="application/strategic-merge-patch+json",
                subresource="status",
                field_manager="kubelet",
            )
        except ApiError as error:
            if error.code in (404, 409):
                return
            raise
        self._known = answer.get("status") or {}
        self._revision = _revision(answer)

    async def delete(self) -> None:
        """Remove the object for good, if it is still this pod."""
        meta = self._pod["metadata"]
        try:
            await self._client.delete(
                PODS, meta["name"], meta["namespace"], grace_period=0, uid=meta.get("uid", "")
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise


def _revision(pod: Object) -> int:
    """Kubernetes has resource versions be comparable numbers since 1.35 (KEP-5504)."""
    text = str(pod["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


def _conditions(known: Object, wanted: Object) -> list[Object]:
    """The conditions that differ; they merge by type, so others' stay."""
    before = {c["type"]: c for c in known.get("conditions") or ()}
    changed = []
    for condition in wanted.get("conditions") or ():
        old = before.get(condition["type"])
        if old == condition:
            continue
        if old is not None:
            condition = {**{key: None for key in old if key not in condition}, **condition}
            if old == {k: v for k, v in condition.items() if v is not None or k in old}:
                continue
        changed.append(condition)
    return changed


def _plain(value: object) -> object:
    """Without nulls and empty members, which the API server may leave out."""
    if isinstance(value, dict):
        pairs = {key: _plain(inner) for key, inner in value.items()}
        return {key: inner for key, inner in pairs.items() if inner not in (None, {}, [], "")}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def difference(known: Object, wanted: Object) -> Object:
    """The strategic merge patch from the known status to the wanted one; empty when they agree."""
    patch: Object = {}
    for key, value in wanted.items():
        if key == "conditions":
            plain_known = {"conditions": [_plain(c) for c in known.get("conditions") or ()]}
            plain = {"conditions": [_plain(c) for c in value]}
            if changed := _conditions(plain_known, plain):
                patch[key] = changed
        elif _plain(known.get(key)) != _plain(value):
            replaces = key in _REPLACED and known.get(key)
            patch[key] = [{"$patch": "replace"}, *value] if replaces else value
    for key in ("reason", "message"):
        if known.get(key) and key not in wanted:
            patch[key] = None
    return patch
