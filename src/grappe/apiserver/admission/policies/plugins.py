"""The two policy plugins, put together; what evaluates policies is loaded with the first one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from grappe.api import Object
from grappe.api.resources import builtin_kind
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.admission.policies.catalog import Policies
from grappe.apiserver.admission.policies.status import PolicyStatus
from grappe.apiserver.admission.policies.surroundings import Surroundings
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.registry.catalog import Catalog
from grappe.apiserver.registry.interface import AdmissionRequest, Operation, ServedResource
from grappe.base.turns import in_turns
from grappe.store.interface import Store

if TYPE_CHECKING:
    from grappe.apiserver.admission.policies.mutating import MutatingProgram
    from grappe.apiserver.admission.policies.validating import ValidatingProgram


class ValidatingAdmissionPolicy(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#validatingadmissionpolicy"""

    def __init__(self, policies: Policies[ValidatingProgram], around: Surroundings) -> None:
        self._policies = policies
        self._around = around

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return self._policies.concern(operation, bucket, subresource)

    def validate(self, request: AdmissionRequest) -> Awaitable[None] | None:
        from grappe.apiserver.admission.policies.validating import check

        return in_turns(lambda: check(self._policies, self._around, request))


class MutatingAdmissionPolicy(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#mutatingadmissionpolicy"""

    def __init__(self, policies: Policies[MutatingProgram], around: Surroundings) -> None:
        self._policies = policies
        self._around = around

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return self._policies.concern(operation, bucket, subresource)

    def admit(self, request: AdmissionRequest) -> Awaitable[None] | None:
        from grappe.apiserver.admission.policies.mutating import change

        return in_turns(lambda: change(self._policies, self._around, request))


class PolicyPlugins:
    """`start` before the first request, `settle` once there is a handler to write through.
    `changed` is called whenever policies or bindings did."""

    def __init__(self, store: Store, authorizer: Authorizer, catalog: Catalog) -> None:
        self.changed: Callable[[], None] = lambda: None
        around = Surroundings(
            Live(store), authorizer, catalog.versions_of, lambda *kind: _kind(catalog, *kind)
        )

        def validating(spec: Object) -> ValidatingProgram:
            from grappe.apiserver.admission.policies.validating import ValidatingProgram

            return ValidatingProgram(spec, authorizer)

        def mutating(spec: Object) -> MutatingProgram:
            from grappe.apiserver.admission.policies.mutating import MutatingProgram

            return MutatingProgram(spec, authorizer)

        kinds = "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"
        self._validating = Policies(store, kinds[0], validating, self._changed)
        self._mutating = Policies(store, kinds[1], mutating, self._changed)
        self.validating = ValidatingAdmissionPolicy(self._validating, around)
        self.mutating = MutatingAdmissionPolicy(self._mutating, around)
        self._status = PolicyStatus(store, catalog, around.kinds)

    def _changed(self) -> None:
        self.changed()

    def start(self) -> None:
        self._validating.start()
        self._mutating.start()

    def settle(self, loopback: Loopback) -> None:
        """From now on keep the status of policies true."""
        self._status.start(loopback)

    async def stop(self) -> None:
        self._validating.stop()
        self._mutating.stop()
        await self._status.stop()


def _kind(catalog: Catalog, api_version: str, kind: str) -> ServedResource | None:
    """How a kind is served now."""
    resource = builtin_kind(api_version, kind)
    if resource is None:
        for other in catalog.resources():
            if other.kind == kind and other.api_version == api_version:
                resource = other
    if resource is None:
        return None
    return catalog.find(resource.group, resource.version, resource.plural)
