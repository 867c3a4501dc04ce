"""The webhooks that are registered now, and which of them a request meets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.api.selectors import LabelSelector, label_selector_from_object
from grappe.apiserver.admission.webhooks.rules import Rule, any_matches, exempt
from grappe.apiserver.followed import Followed
from grappe.apiserver.outbound.webhook import ClientConfig
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.interface import AdmissionRequest, ServedResource
from grappe.store.interface import Record, Store

log = logging.getLogger("grappe.apiserver.admission")

_REMEMBERED = 2_000
_DEFAULT_TIMEOUT = 10


class Conditions(Protocol):
    """A webhook's `matchConditions`, compiled."""

    def matches(self, request: AdmissionRequest, shown: Object) -> bool:
        """Whether all hold; `shown` is the `request` of an AdmissionReview. ValueError tells of
        those that could not be evaluated when none is false."""
        ...


CompileConditions = Callable[[Sequence[Object]], Conditions]


@dataclass(frozen=True, slots=True, eq=False)
class Webhook:
    """One registered webhook. `key` names it among all of its kind."""

    key: str
    name: str
    client: ClientConfig | None
    trouble: str
    rules: tuple[Rule, ...]
    equivalent: bool
    namespaces: LabelSelector
    objects: LabelSelector
    conditions: Conditions | None
    fails_closed: bool
    timeout: float
    side_effects: str
    review_versions: tuple[str, ...]
    reinvoked: bool


class Match(NamedTuple):
    """A webhook that a kind of request meets, and the version it wants to see (that of the
    request, or an equivalent one)."""

    webhook: Webhook
    version: ServedResource


Versions = Callable[[ServedResource], Iterable[ServedResource]]
"""Every served version of the same objects."""


class Configurations:
    """Follows the configurations of one kind, `resource`. `changed` is called whenever any of
    them did: what was concluded from them before counts no more."""

    def __init__(
        self,
        store: Store,
        resource: Resource,
        versions: Versions,
        compile_conditions: CompileConditions,
        changed: Callable[[], None],
    ) -> None:
        self._followed = Followed(store, resource.bucket, self._read, self._forget)
        self._versions = versions
        self._compile = compile_conditions
        self._changed = changed
        self._matches: dict[tuple[str, ServedResource, str], tuple[Match, ...]] = {}

    def start(self) -> None:
        """Read what is registered and follow what changes."""
        self._followed.start()

    def stop(self) -> None:
        self._followed.stop()

    def _forget(self, _: object) -> None:
        self._matches.clear()
        self._changed()

    def _read(self, record: Record) -> tuple[Webhook, ...]:
        found = body_of(record).get("webhooks") or ()
        return tuple(self._webhook(record.key, webhook) for webhook in found)

    def _webhook(self, configuration: str, webhook: Any) -> Webhook:
        """What a stored webhook says; one that cannot be called at all is kept with its trouble."""
        name = webhook.get("name") or ""
        client, trouble, conditions = None, "", None
        namespaces = objects = LabelSelector(nothing=True)
        try:
            client = ClientConfig.of(webhook.get("clientConfig") or {})
            namespaces = label_selector_from_object(webhook.get("namespaceSelector") or {})
            objects = label_selector_from_object(webhook.get("objectSelector") or {})
            if webhook.get("matchConditions"):
                conditions = self._compile(webhook["matchConditions"])
        except (ApiError, ValueError) as error:
            log.warning("webhook %s of %s: %s", name, configuration, error)
            client, trouble = None, f"could not get REST client: {error}"
            namespaces = objects = LabelSelector()
        return Webhook(
            key=f"{configuration}/{name}",
            name=name,
            client=client,
            trouble=trouble,
            rules=tuple(Rule.of(rule) for rule in webhook.get("rules") or ()),
            equivalent=webhook.get("matchPolicy") != "Exact",
            namespaces=namespaces,
            objects=objects,
            conditions=conditions,
            fails_closed=webhook.get("failurePolicy") != "Ignore",
            timeout=webhook.get("timeoutSeconds") or _DEFAULT_TIMEOUT,
            side_effects=webhook.get("sideEffects") or "",
            review_versions=tuple(webhook.get("admissionReviewVersions") or ()),
            reinvoked=webhook.get("reinvocationPolicy") == "IfNeeded",
        )

    # -- which of them a request meets -----------------------------------------------------------
    def concern(self, operation: str, bucket: str, subresource: str) -> bool:
        """Whether any webhook may have to be asked about requests of this kind."""
        if not self._followed.by_key or exempt(operation, bucket, subresource):
            return False
        plural = bucket.rpartition("/")[2]
        return any(
            rule.names(operation, plural, subresource)
            for webhooks in self._followed.by_key.values()
            for webhook in webhooks
            for rule in webhook.rules
        )

    def of(self, request: AdmissionRequest) -> tuple[Match, ...]:
        """The webhooks whose rules match, in their order: by the name of their configuration."""
        kind = (request.operation, request.served, request.info.subresource)
        found = self._matches.get(kind)
        if found is None:
            if len(self._matches) >= _REMEMBERED:
                self._matches.clear()
            found = self._matches[kind] = tuple(self._find(*kind))
        return found

    def _find(self, operation: str, served: ServedResource, subresource: str) -> Iterable[Match]:
        for name in sorted(self._followed.by_key):
            for webhook in self._followed.by_key[name]:
                if any_matches(webhook.rules, operation, served.resource, subresource):
                    yield Match(webhook, served)
                    continue
                for other in self._versions(served) if webhook.equivalent else ():
                    if any_matches(webhook.rules, operation, other.resource, subresource):
                        yield Match(webhook, other)
                        break


def selected(
    webhook: Webhook,
    request: AdmissionRequest,
    namespace: Callable[[str], Object | None],
    objects: Sequence[Object | None],
) -> bool:
    """Whether a webhook's selectors select the request. `namespace` gives a namespace by its
    name, `objects` are the new and the old object as the webhook would see them."""
    if not webhook.objects.everything and not any(
        webhook.objects.matches(obj["metadata"].get("labels") or {})
        for obj in objects
        if obj is not None and isinstance(obj.get("metadata"), dict)
    ):
        return False
    if webhook.namespaces.everything:
        return True
    if request.served.bucket == "/namespaces":
        own = request.obj if request.operation in ("CREATE", "UPDATE") else request.old
        return webhook.namespaces.matches(((own or {}).get("metadata") or {}).get("labels"))
    if not request.namespace:
        return True
    found = namespace(request.namespace)
    return found is not None and webhook.namespaces.matches(found["metadata"].get("labels"))
