"""The status of ValidatingAdmissionPolicies: type checking warnings, observedGeneration."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.resources import builtin_kind
from grappe.apiserver.admission.policies.parameters import Kinds
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.catalog import Catalog
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.upkeep import Upkeep
from grappe.store.interface import Store

_MOST_KINDS = 10


class PolicyStatus:
    """Checks every policy once for each of its generations."""

    def __init__(self, store: Store, catalog: Catalog, kinds: Kinds) -> None:
        resource = builtin_kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
        assert resource is not None
        self._resource = resource
        self._store = store
        self._catalog = catalog
        self._kinds = kinds
        self._loopback: Loopback | None = None
        self._upkeep = Upkeep("admission policy status", self._settle)

    def start(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._upkeep.follow(self._store, self._resource.bucket)
        self._upkeep.start()

    async def stop(self) -> None:
        await self._upkeep.stop()

    async def _settle(self, name: str) -> None:
        record = self._store.get(self._resource.bucket, name)
        if record is None or self._loopback is None:
            return
        policy = body_of(record)
        generation = policy["metadata"].get("generation")
        status = policy.get("status") or {}
        if status.get("observedGeneration") == generation:
            return
        warnings = self._warnings(policy.get("spec") or {})
        checked: Object = {"expressionWarnings": warnings or None}  # null takes old ones away
        patch = {
            "metadata": {"resourceVersion": str(record.revision)},
            "status": {"observedGeneration": generation, "typeChecking": checked},
        }
        await self._loopback.merge(self._resource, "", name, patch, subresource="status")

    def _warnings(self, spec: Object) -> list[Object]:
        from grappe.api.cel.type_checking import Checked, expression_warnings  # loads CEL

        kinds = [
            Checked(r.group, r.version, r.kind, served.schema.root)
            for served in self._served(spec)
            for r in (served.resource,)
        ]
        param_kind = spec.get("paramKind") or {}
        params = self._kinds(param_kind.get("apiVersion") or "", param_kind.get("kind") or "")
        return expression_warnings(spec, kinds, params.schema.root if params else None)

    def _served(self, spec: Object) -> list[ServedResource]:
        """The kinds that rules name outright, at most ten."""
        found = {
            (served.resource.group, served.resource.version, served.resource.kind): served
            for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ()
            for served in self._named(rule)
        }
        return [found[kind] for kind in sorted(found)][:_MOST_KINDS]

    def _named(self, rule: Object) -> Iterator[ServedResource]:
        groups, versions = rule.get("apiGroups") or (), rule.get("apiVersions") or ()
        if any("*" in name for name in (*groups, *versions)):
            return
        for group in groups:
            for version in versions:
                for plural in rule.get("resources") or ():
                    served = self._catalog.find(group, version, plural)
                    if "*" not in plural and "/" not in plural and served is not None:
                        yield served
