"""The vocabulary of the API server's parts.

The registry defines it; authentication, authorization, admission, discovery and custom resources
are written against it, and `grappe.apiserver.server` puts them together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.apiserver.http.messages import User
from grappe.store.interface import Record

if TYPE_CHECKING:
    from grappe.api.schema import Schema


class NotYet(Exception):
    """What was asked can be answered only after `ready`, when somebody outside has been heard:
    ask again then."""

    def __init__(self, ready: Awaitable[None]) -> None:
        super().__init__("the answer is not known yet")
        self.ready = ready


class ScalePaths(NamedTuple):
    """Where the `scale` subresource finds its values, as JSON paths such as `.spec.replicas`.

    `selector` is empty where the resource names none (custom resources only).
    """

    spec_replicas: str
    status_replicas: str
    selector: str


class Converter(Protocol):
    """Converts a custom resource between its versions by asking its webhook. All raise ApiError
    500 when it fails."""

    async def convert(self, objects: Sequence[Object], api_version: str) -> list[Object]:
        """The objects in this version, in their order."""
        ...

    async def view(self, served: ServedResource, records: Sequence[Record]) -> list[Record]:
        """The records with bodies of the version that `served` serves."""
        ...

    def outdated(self, record: Record) -> bool:
        """Whether the record is of another version than the one that is stored now."""
        ...


@dataclass(frozen=True, eq=False)
class ServedResource:
    """One version of one resource as it is served, built in or custom.

    `bucket` is where its records are: the same for every version and, for events, both groups.
    Stored bodies are in the form of `storage_version`; `to_storage` and `from_storage` convert
    (None: the form is the same, only `apiVersion` differs); for a custom resource `from_storage`
    fills in the defaults that an object may have been stored without. `columns` are the printer
    columns of a custom resource (`additionalPrinterColumns` as in its definition; None: built in).
    `selectable_fields` are a custom resource's own, as JSON paths such as `.spec.color`.
    `definition` is the uid of the CustomResourceDefinition it comes from; empty: built in.
    `conversion` is set where a webhook converts: records are then of the version their `fields`
    name, and go through it before anything else reads them. `marks` are those fields.
    """

    resource: Resource
    schema: Schema
    bucket: str
    storage_version: str
    to_storage: Callable[[Object], Object] | None = None
    from_storage: Callable[[Object], Object] | None = None
    scale: ScalePaths | None = None
    columns: tuple[Object, ...] | None = None
    selectable_fields: tuple[str, ...] = ()
    definition: str = ""
    deprecation_warning: str = ""
    conversion: Converter | None = None
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def custom(self) -> bool:
        return bool(self.definition)

    @cached_property
    def prefix(self) -> bytes:
        """What stands before a stored body to make it a whole JSON object."""
        kind, version = self.resource.kind, self.resource.api_version
        return f'{{"kind":"{kind}","apiVersion":"{version}",'.encode()


@dataclass(slots=True)
class RequestInfo:
    """What a request asks for, in the terms authorization uses.

    For a path outside `/api/VERSION/…` and `/apis/GROUP/VERSION/…`, `resource_request` is false,
    `verb` is the lower-case method and everything else but `path` and `query` is empty. Else
    `verb` is get, list, watch, create, update, patch, delete or deletecollection; `plural` and
    `subresource` are as in the path, whether or not such a thing is served (`served` is None when
    it is not). `tail` is what follows a subresource in the path (`proxy/TAIL`). A list or watch
    that selects exactly one `metadata.name` has that `name`.
    """

    verb: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    resource_request: bool = False
    group: str = ""
    version: str = ""
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""
    tail: str = ""
    served: ServedResource | None = None

    @property
    def resource(self) -> Resource | None:
        return self.served.resource if self.served else None


Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


@dataclass(slots=True)
class Reinvocation:
    """What the plugins of the first phase tell each other of its two passes: a plugin that
    changes the object after others have seen it wants a second (`wanted`), which is `running`
    then. `invoked` are the webhooks to ask again if anything changes after them, `due` those to
    ask again; `webhook_output` is the object as webhooks left it."""

    wanted: bool = False
    running: bool = False
    invoked: set[str] = field(default_factory=set)
    due: set[str] = field(default_factory=set)
    webhook_output: bytes = b""

    def require(self) -> None:
        """Something has changed: whoever wants to know of it is due."""
        self.due |= self.invoked
        self.invoked.clear()


@dataclass(slots=True)
class AdmissionRequest:
    """One write on its way to the store.

    `obj` is the new object (of the subresource, for `binding`, `eviction`, `scale`…) with
    defaults applied, and may be changed in place or replaced; None for DELETE. `old` is the live
    object, never to be changed; None for CREATE. Both carry `apiVersion` and `kind`.
    `namespace` and `name` are final, except that `name` is empty while a `generateName` is
    pending. `warnings` are sent to the client as `Warning` headers, `annotations` belong into
    the audit log. `reinvocation` is there once a plugin may want a second pass.
    """

    operation: Operation
    info: RequestInfo
    served: ServedResource
    user: User
    obj: Object | None
    old: Object | None
    namespace: str
    name: str
    dry_run: bool = False
    options: Object = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] | None = None
    reinvocation: Reinvocation | None = None


class _Done:
    """Awaiting it does not suspend."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


DONE: Awaitable[None] = _Done()
"""What a phase of admission answers that is over: no coroutine is made for it."""


class Admission(Protocol):
    """Both raise ApiError to refuse, at once or when awaited. They are called without a suspension
    before the write when they themselves do not suspend, so that what they counted still holds
    when it is queued."""

    def admit(self, request: AdmissionRequest) -> Awaitable[None]:
        """First phase: may change `request.obj` (service-account, default storage class…)."""
        ...

    def validate(self, request: AdmissionRequest) -> Awaitable[None]:
        """Second phase, after the object was validated: may only refuse (quota…)."""
        ...


class CustomResources(Protocol):
    """What CustomResourceDefinitions serve at this moment."""

    def lookup(self, group: str, version: str, plural: str) -> ServedResource | None: ...

    def served(self) -> Iterable[ServedResource]: ...
