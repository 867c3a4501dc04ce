"""What every verb works with: the server's parts, and one call on its way through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Protocol

from grappe.api import Object
from grappe.api.errors import not_acceptable
from grappe.apiserver.http.messages import Request, User
from grappe.apiserver.registry.catalog import Catalog
from grappe.apiserver.registry.interface import Admission, RequestInfo, ServedResource
from grappe.apiserver.registry.negotiation import Form, negotiate
from grappe.apiserver.registry.strategies.table import Strategies
from grappe.base.clock import Clock
from grappe.base.metrics import Counter
from grappe.store.interface import Store


class Reviews(Protocol):
    """Answers questions about users and their permissions, which are asked by POST."""

    def create(self, kind: str, obj: Object, user: User, namespace: str) -> Object:
        """`obj` with its status."""
        ...


class TokenRequests(Protocol):
    def create(self, namespace: str, name: str, obj: Object) -> Object:
        """The TokenRequest `obj` for this service account, with its token."""
        ...


@dataclass(slots=True)
class Backend:
    """The parts of one API server. `new_uid` and `random_suffix` are its only randomness;
    `watch_events` counts what watchers are sent, by group, version and resource."""

    store: Store
    clock: Clock
    catalog: Catalog
    admission: Admission
    strategies: Strategies
    reviews: Reviews
    token_requests: TokenRequests
    kubelet_tls: Callable[[], SSLContext]
    new_uid: Callable[[], str]
    random_suffix: Callable[[], str]
    watch_events: Counter


@dataclass(slots=True)
class Call:
    """One request for a resource, authenticated and authorized."""

    request: Request
    info: RequestInfo
    user: User
    served: ServedResource
    warnings: list[str] = field(default_factory=list)

    @property
    def form(self) -> Form:
        """The form of the answer; ApiError 406, which must come before anything is written."""
        form = negotiate(self.request.headers.get("accept", ""), self.served.custom)
        if form.shape:
            self._refuse_wrong_number(form)
        return form

    def _refuse_wrong_number(self, form: Form) -> None:
        """One object has no list's form, a list not that of one."""
        many = self.info.verb in ("list", "deletecollection")
        if form.shape == ("PartialObjectMetadata" if many else "PartialObjectMetadataList"):
            what = "a list" if many else "not a list"
            raise not_acceptable(
                f"you requested {form.shape}, but the requested object is {what} "
                f"({go_type(self.served, many)})"
            )

    @property
    def key(self) -> str:
        return key_of(self.served, self.info.namespace, self.info.name)


def go_type(served: ServedResource, many: bool) -> str:
    """What Kubernetes' messages call an object, or a list of them."""
    resource = served.resource
    if served.custom:
        return "*unstructured.UnstructuredList" if many else "*unstructured.Unstructured"
    package = resource.group.partition(".")[0] or "core"
    return f"*{package}.{resource.kind}{'List' if many else ''}"


def key_of(served: ServedResource, namespace: str, name: str) -> str:
    """The store's key of an object."""
    return f"{namespace}/{name}" if served.resource.namespaced else name
