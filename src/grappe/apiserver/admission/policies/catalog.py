"""The policies of one kind and their bindings, as they are stored now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource, builtin_kind
from grappe.apiserver.admission.policies.matching import Matcher
from grappe.apiserver.admission.webhooks.rules import exempt
from grappe.apiserver.records import body_of
from grappe.store.interface import Event, Record, Store, Subscription

log = logging.getLogger("grappe.apiserver.admission")

Program = TypeVar("Program")
Compile = Callable[[Object], Program]
"""From a policy's spec to what evaluates it. Must not raise."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding's name, spec and what it narrows its policy to."""

    name: str
    spec: Object
    matcher: Matcher | None


@dataclass(slots=True)
class Policy(Generic[Program]):
    """A policy with its bindings in the order of their names. Compiled when first needed."""

    name: str
    spec: Object
    matcher: Matcher
    compile: Compile[Program]
    bindings: tuple[Binding, ...] = ()
    _program: list[Program] = field(default_factory=list)

    @property
    def fails_closed(self) -> bool:
        return self.spec.get("failurePolicy") != "Ignore"

    @property
    def program(self) -> Program:
        if not self._program:
            self._program.append(self.compile(self.spec))
        return self._program[0]


def _resource(kind: str) -> Resource:
    found = builtin_kind("admissionregistration.k8s.io/v1", kind)
    assert found is not None, kind
    return found


class Policies(Generic[Program]):
    """`start` before the first request. `changed` is called whenever policies or bindings did."""

    def __init__(
        self, store: Store, kind: str, compile_policy: Compile[Program], changed: Callable[[], None]
    ) -> None:
        self._store = store
        self._policy, self._binding = _resource(kind), _resource(f"{kind}Binding")
        self._compile = compile_policy
        self._changed = changed
        self._policies: dict[str, Policy[Program]] = {}
        self._bindings: dict[str, Binding] = {}
        self._active: tuple[Policy[Program], ...] = ()
        self._subscriptions: list[Subscription] = []

    def start(self) -> None:
        """Read what is stored and follow what changes."""
        store, revision = self._store, self._store.revision
        for resource in (self._policy, self._binding):
            for record in store.list(resource.bucket):
                self._take(resource, record)
            follow = partial(self._apply, resource)
            self._subscriptions.append(store.watch(resource.bucket, revision, follow))
        self._bind()

    def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()

    def _apply(self, resource: Resource, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == "DELETED":
                self._kept(resource).pop(event.record.key, None)
            else:
                self._take(resource, event.record)
        self._bind()

    def _kept(self, resource: Resource) -> dict[str, Policy[Program]] | dict[str, Binding]:
        return self._policies if resource is self._policy else self._bindings

    def _take(self, resource: Resource, record: Record) -> None:
        name, spec = record.key, body_of(record).get("spec") or {}
        try:
            if resource is self._policy:
                known = self._policies.get(name)
                if known is not None and known.spec == spec:
                    return  # a change of its status: what is compiled stays
                matcher = Matcher.of(spec.get("matchConstraints") or {})
                self._policies[name] = Policy(name, spec, matcher, self._compile)
            else:
                narrowed = spec.get("matchResources")
                matcher_of = Matcher.of(narrowed) if narrowed else None
                self._bindings[name] = Binding(name, spec, matcher_of)
        except ApiError as error:
            log.error("%s %s: %s", resource.kind, name, error)
            self._kept(resource).pop(name, None)

    def _bind(self) -> None:
        by_policy: dict[str, list[Binding]] = {}
        for name in sorted(self._bindings):
            binding = self._bindings[name]
            by_policy.setdefault(binding.spec.get("policyName") or "", []).append(binding)
        active = []
        for name in sorted(self._policies):
            policy = self._policies[name]
            policy.bindings = tuple(by_policy.get(name, ()))
            if policy.bindings:
                active.append(policy)
        self._active = tuple(active)
        self._changed()

    def concern(self, operation: str, bucket: str, subresource: str) -> bool:
        """Whether a policy in force may speak of requests of this kind."""
        if not self._active or exempt(operation, bucket, subresource):
            return False
        plural = bucket.rpartition("/")[2]
        return any(p.matcher.concerns(operation, plural, subresource) for p in self._active)

    def active(self) -> Iterator[Policy[Program]]:
        """Those with bindings, by name."""
        return iter(self._active)
