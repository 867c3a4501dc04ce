"""Kubernetes' authorizer library: `authorizer.group('apps').resource('deployments').check('get')`.

Whoever evaluates hands in an `Authorizer`; what it answers is a `Decision`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from grappe.api.cel.registry import function


class Attributes(NamedTuple):
    """What is asked. With a `path`, only it and `verb` count."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Decision(NamedTuple):
    allowed: bool
    reason: str = ""
    error: str = ""
    cel_type: str = "kubernetes.authorization.Decision"


class Access(Protocol):
    """Decides about access for one user."""

    def check(self, attributes: Attributes) -> Decision: ...

    def service_account(self, namespace: str, name: str) -> Access:
        """The same for a service account."""
        ...


class Authorizer:
    """The variable `authorizer`."""

    __slots__ = ("access",)
    cel_type = "kubernetes.authorization.Authorizer"

    def __init__(self, access: Access) -> None:
        self.access = access


class PathCheck(NamedTuple):
    access: Access
    path: str
    cel_type: str = "kubernetes.authorization.PathCheck"


class GroupCheck(NamedTuple):
    access: Access
    group: str
    cel_type: str = "kubernetes.authorization.GroupCheck"


class ResourceCheck(NamedTuple):
    """`authorizer.requestResource` is one too."""

    access: Access
    attributes: Attributes
    cel_type: str = "kubernetes.authorization.ResourceCheck"


@function("Authorizer.path(string) -> PathCheck", on=Authorizer)
def path(value: Authorizer, at: str) -> PathCheck:
    return PathCheck(value.access, at)


@function("Authorizer.group(string) -> GroupCheck", on=Authorizer)
def group(value: Authorizer, name: str) -> GroupCheck:
    return GroupCheck(value.access, name)


@function("Authorizer.serviceAccount(string, string) -> Authorizer", on=Authorizer)
def service_account(value: Authorizer, namespace: str, name: str) -> Authorizer:
    return Authorizer(value.access.service_account(namespace, name))


@function("GroupCheck.resource(string) -> ResourceCheck", on=GroupCheck)
def resource(value: GroupCheck, name: str) -> ResourceCheck:
    return ResourceCheck(value.access, Attributes("", value.group, name))


def _with(value: ResourceCheck, **parts: Any) -> ResourceCheck:
    return ResourceCheck(value.access, value.attributes._replace(**parts))


@function("ResourceCheck.subresource(string) -> ResourceCheck", on=ResourceCheck)
def subresource(value: ResourceCheck, name: str) -> ResourceCheck:
    return _with(value, subresource=name)


@function("ResourceCheck.namespace(string) -> ResourceCheck", on=ResourceCheck)
def namespace(value: ResourceCheck, name: str) -> ResourceCheck:
    return _with(value, namespace=name)


@function("ResourceCheck.name(string) -> ResourceCheck", on=ResourceCheck)
def named(value: ResourceCheck, name: str) -> ResourceCheck:
    return _with(value, name=name)


@function("ResourceCheck.check(string) -> Decision", on=ResourceCheck)
def check(value: ResourceCheck, verb: str) -> Decision:
    return value.access.check(value.attributes._replace(verb=verb))


@function("PathCheck.check(string) -> Decision", on=PathCheck)
def check_path(value: PathCheck, verb: str) -> Decision:
    return value.access.check(Attributes(verb, path=value.path))


function("Decision.allowed() -> bool", on=Decision)(lambda value: value.allowed)
function("Decision.reason() -> string", on=Decision)(lambda value: value.reason)
function("Decision.errored() -> bool", on=Decision)(lambda value: bool(value.error))
function("Decision.error() -> string", on=Decision)(lambda value: value.error)
