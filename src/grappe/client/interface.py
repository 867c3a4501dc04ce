"""What a client is. `grappe.client.rest.RestClient` is the implementation; a Transport under it
decides whether requests go over HTTPS or stay in the process.

Every method raises `grappe.api.errors.ApiError` for an answer other than success and
`TransportError` when no answer came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from grappe.api import Object
from grappe.api.resources import Resource

PatchType = Literal[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
]
Propagation = Literal["Background", "Foreground", "Orphan"]


class TransportError(Exception):
    """No answer: refused, reset, timed out, TLS failed. Worth a retry."""


class Answer(NamedTuple):
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WatchEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK; an ERROR event is raised as ApiError."""

    type: str
    object: Object


class ObjectList(NamedTuple):
    """`items` carry `kind` and `apiVersion`, also where the server leaves them out."""

    items: list[Object]
    resource_version: str
    continue_token: str


class Transport(Protocol):
    """Moves one request to an API server. `path` begins with `/` and is percent-encoded."""

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """One request, one whole answer, whatever its status."""
        ...

    def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[bytes]:
        """GET a stream and yield it in whole lines, without their line feeds (watch, logs).

        Raises ApiError for a status other than 200.
        """
        ...

    async def close(self) -> None: ...


class Client(Protocol):
    """Typed by resource, plain JSON objects in and out."""

    async def get(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
    ) -> Object:
        """The newest committed object, or its subresource (`scale`)."""
        ...

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> ObjectList:
        """One page when `limit` is set, else everything. `namespace=None`: all namespaces."""
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 0,
    ) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version` (bookmarks included), until the server ends it."""
        ...

    async def create(
        self,
        resource: Resource,
        obj: Object,
        namespace: str | None = None,
        *,
        name: str | None = None,
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str = "",
    ) -> Object:
        """POST; the namespace is `obj`'s own unless given. With `subresource`, `name` says of
        what (`pods/eviction`, `pods/binding`, `serviceaccounts/token`)."""
        ...

    async def update(
        self,
        resource: Resource,
        obj: Object,
        *,
        subresource: str | None = None,
        field_manager: str = "",
    ) -> Object:
        """PUT. With a `resourceVersion` in `obj`, 409 Conflict when it is not the newest."""
        ...

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        patch_type: PatchType = "application/merge-patch+json",
        subresource: str | None = None,
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> Object:
        """`patch` as JSON of the form `patch_type` names: a list of operations for JSON patch, an
        object for the others. `force` is for server-side apply only."""
        ...

    async def apply(
        self,
        resource: Resource,
        obj: Object,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Server-side apply of `obj`
        (https://kubernetes.io/docs/reference/using-api/server-side-apply/)."""
        ...

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Propagation | None = None,
        grace_period: int | None = None,
        uid: str = "",
        resource_version: str = "",
    ) -> Object:
        """The object as it is while finalizers or a grace period (seconds) keep it, else a Status.
        `uid` and `resource_version` are preconditions: 409 Conflict unless they hold."""
        ...

    async def delete_collection(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> None:
        """Delete whatever matches, each as `delete` would."""
        ...

    async def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any other request (discovery, version, openapi)."""
        ...

    async def close(self) -> None: ...
