"""What both kinds of policy do before their own: which bindings a request meets, with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from grappe.api import Object
from grappe.api.resources import NAMESPACES
from grappe.apiserver.admission.expressions import (
    authorizer_inputs,
    namespace_input,
    request_input,
)
from grappe.apiserver.admission.policies.catalog import Binding, Policies, Policy
from grappe.apiserver.admission.policies.parameters import ParameterError, parameters
from grappe.apiserver.admission.policies.surroundings import Surroundings
from grappe.apiserver.registry.interface import AdmissionRequest, ServedResource

Program = TypeVar("Program")


class Invocation(NamedTuple, Generic[Program]):
    """One policy for one binding and one parameter; `trouble` says why it cannot be evaluated."""

    policy: Policy[Program]
    binding: Binding
    version: ServedResource
    params: Object | None
    trouble: str = ""


def invocations(
    policies: Policies[Program], around: Surroundings, request: AdmissionRequest
) -> Iterator[Invocation[Program]]:
    """What a request meets, in Kubernetes' order: by the policies' names, then the bindings'."""

    def namespace(name: str) -> Object | None:
        return around.live.get(NAMESPACES, "", name)

    for policy in policies.active():
        version = policy.matcher.match(request, around.versions, namespace)
        if version is None:
            continue
        for binding in policy.bindings:
            narrowed = binding.matcher
            if narrowed is not None and narrowed.match(request, around.versions, namespace) is None:
                continue
            try:
                found = parameters(
                    around.live.store,
                    around.kinds,
                    policy.spec.get("paramKind"),
                    binding.spec.get("paramRef"),
                    request.namespace,
                )
            except ParameterError as error:
                trouble = f"failed to configure binding: {error}"
                yield Invocation(policy, binding, version, None, trouble)
                continue
            for params in found:
                yield Invocation(policy, binding, version, params)


def inputs(around: Surroundings, request: AdmissionRequest, version: ServedResource) -> Object:
    """The variables of expressions, apart from `params` and `variables`."""
    namespace: Any = None
    if request.namespace and request.served.bucket != "/namespaces":
        namespace = around.live.get(NAMESPACES, "", request.namespace)
    return {
        "object": in_version(request.obj, request.served, version),
        "oldObject": in_version(request.old, request.served, version),
        "request": request_input(request, version),
        "namespaceObject": namespace_input(namespace),
        **authorizer_inputs(around.authorizer, request),
    }


def in_version(obj: Object | None, source: ServedResource, target: ServedResource) -> Object | None:
    """`obj` as `target` shows it."""
    if obj is None or source is target:
        return obj
    found = source.to_storage(obj) if source.to_storage is not None else obj
    if target.from_storage is not None:
        found = target.from_storage(found)
    return {**found, "apiVersion": target.resource.api_version, "kind": target.resource.kind}
