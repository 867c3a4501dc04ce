"""The objects a policy's binding hands to its expressions as `params`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from grappe.api import Object
from grappe.api.selectors import label_selector_from_object
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.interface import ServedResource
from grappe.store.interface import Store

Kinds = Callable[[str, str], ServedResource | None]
"""(apiVersion, kind) → how it is served; None: nobody serves it."""


class ParameterError(Exception):
    """The binding cannot be used; the message is Kubernetes'."""


def parameters(
    store: Store, kinds: Kinds, param_kind: Object | None, reference: Object | None, namespace: str
) -> list[Object | None]:
    """What the policy is evaluated with, once for each; [None] where it uses no parameters, empty
    where none are found and that is allowed. `namespace` is the request's."""
    if not param_kind or not reference:
        return [None]
    api_version, kind = param_kind.get("apiVersion") or "", param_kind.get("kind") or ""
    served = kinds(api_version, kind)
    if served is None:
        raise ParameterError(
            f"paramKind kind `&ParamKind{{APIVersion:{api_version},Kind:{kind},}}` not known"
        )
    where = reference.get("namespace") or ""
    if served.resource.namespaced:
        where = where or namespace
        if not where:
            raise ParameterError(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped "
                "resources"
            )
    elif where:
        raise ParameterError(
            "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
        )
    found = list(_find(store, served, reference, where))
    if not found and reference.get("parameterNotFoundAction") == "Deny":
        raise ParameterError(
            "no params found for policy binding with `Deny` parameterNotFoundAction"
        )
    return [*found]


def _find(
    store: Store, served: ServedResource, reference: Object, namespace: str
) -> Iterator[Object]:
    if reference.get("name"):
        name = reference["name"]
        key = f"{namespace}/{name}" if served.resource.namespaced else name
        record = store.get(served.bucket, key)
        if record is not None:
            yield decode(served, record)
    elif reference.get("selector") is not None:
        selector = label_selector_from_object(reference["selector"])
        prefix = f"{namespace}/" if served.resource.namespaced else ""
        for record in store.list(served.bucket, prefix):
            if selector.matches(record.labels):
                yield decode(served, record)
    else:
        raise ParameterError("one of name or selector must be provided")
