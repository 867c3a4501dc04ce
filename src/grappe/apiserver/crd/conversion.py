"""Asks a definition's webhook to convert its custom resources between versions.

What was converted is remembered by its revision: many watchers, or one who reads again, cost one
question. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.apiserver.crd.converted import InvalidConversionError, converted_objects, restored
from grappe.apiserver.outbound.connection import CallError
from grappe.apiserver.outbound.webhook import ClientConfig, Webhooks
from grappe.apiserver.registry.codec import draft
from grappe.apiserver.registry.interface import ServedResource
from grappe.store.interface import Record

_GROUP = "apiextensions.k8s.io"
_SPOKEN = ("v1", "v1beta1")
_TIMEOUT = 30.0
_BATCH = 500
"""Objects of one question."""
_LEAST_LIMIT = 16 * 1024 * 1024
_LIMIT_FACTOR = 4
"""How much longer than the question an answer may be."""
_REMEMBERED_BYTES = 16 * 1024 * 1024


class WebhookConversion:
    """The Converter of one definition. `storage` is the apiVersion it stores now, `oldest` that
    of records which do not say theirs: they are from when there was only one."""

    def __init__(
        self,
        webhooks: Webhooks,
        webhook: Mapping[str, Any],
        new_uid: Callable[[], str],
        *,
        kind: str,
        storage: str,
        oldest: str,
    ) -> None:
        self._webhooks = webhooks
        self._new_uid = new_uid
        self._kind = kind
        self.storage = storage
        self._oldest = oldest
        self._review_version = next(
            (v for v in webhook.get("conversionReviewVersions") or () if v in _SPOKEN), ""
        )
        self._client: ClientConfig | None = None
        self._trouble = ""
        try:
            self._client = ClientConfig.of(webhook.get("clientConfig") or {})
        except ValueError as error:
            self._trouble = str(error)
        self._known: dict[tuple[str, int, str], Record] = {}
        self._known_bytes = 0

    def outdated(self, record: Record) -> bool:
        return self._version_of(record) != self.storage

    def _version_of(self, record: Record) -> str:
        return record.fields.get("apiVersion") or self._oldest

    async def view(self, served: ServedResource, records: Sequence[Record]) -> list[Record]:
        wanted = served.resource.api_version
        found = [self._at_hand(record, wanted) for record in records]
        missing = [i for i, record in enumerate(found) if record is None]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            objects = await self.convert([self._decode(records[i]) for i in batch], wanted)
            for index, obj in zip(batch, objects, strict=True):
                found[index] = self._remember(served, records[index], obj)
        return [record for record in found if record is not None]

    def _at_hand(self, record: Record, wanted: str) -> Record | None:
        if self._version_of(record) == wanted:
            return record
        return self._known.get((record.key, record.revision, wanted))

    def _decode(self, record: Record) -> Object:
        body: Object = orjson.loads(b"{" + record.body)
        return {"kind": self._kind, "apiVersion": self._version_of(record), **body}

    def _remember(self, served: ServedResource, record: Record, obj: Object) -> Record:
        """The record of a converted object, read as what is stored is read."""
        served.schema.decode(obj)
        served.schema.default(obj)
        made = draft(served, obj, record.revision)
        wanted = served.resource.api_version
        view = Record(record.key, record.revision, made.body, made.labels, {"apiVersion": wanted})
        self._known_bytes += len(view.body)
        while self._known and self._known_bytes > _REMEMBERED_BYTES:
            oldest = next(iter(self._known))
            self._known_bytes -= len(self._known.pop(oldest).body)
        self._known[record.key, record.revision, wanted] = view
        return view

    async def convert(self, objects: Sequence[Object], api_version: str) -> list[Object]:
        """The objects in this version; those that are of it already are not sent."""
        found = list(objects)
        foreign = [i for i, obj in enumerate(found) if obj.get("apiVersion") != api_version]
        if foreign:
            sent = [found[i] for i in foreign]
            for index, obj in zip(foreign, await self._ask(sent, api_version), strict=True):
                found[index] = obj
        return found

    async def _ask(self, objects: list[Object], api_version: str) -> list[Object]:
        about = f"{objects[0]['apiVersion']}, Kind={self._kind}"
        if self._client is None or not self._review_version:
            why = self._trouble or "no supported conversion review versions"
            raise _failed(about, f"failed: {why}")
        uid = self._new_uid()
        request = {"uid": uid, "desiredAPIVersion": api_version, "objects": objects}
        version = f"{_GROUP}/{self._review_version}"
        review = {"kind": "ConversionReview", "apiVersion": version, "request": request}
        limit = max(_LEAST_LIMIT, _LIMIT_FACTOR * len(orjson.dumps(objects)))
        try:
            answer = await self._webhooks.ask(self._client, review, _TIMEOUT, limit)
            converted = converted_objects(answer, version, uid)
        except (CallError, InvalidConversionError) as error:
            raise _failed(about, f"failed: {error}") from None
        if len(converted) != len(objects):
            raise _failed(about, f"returned {len(converted)} objects, expected {len(objects)}")
        try:
            return [
                restored(original, obj, api_version)
                for original, obj in zip(objects, converted, strict=True)
            ]
        except InvalidConversionError as error:
            raise _failed(about, f"returned invalid {error}") from None


def _failed(about: str, what: str) -> ApiError:
    return ApiError(500, "", f"conversion webhook for {about} {what}")
