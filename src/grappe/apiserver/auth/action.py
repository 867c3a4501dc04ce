"""What authorization judges."""

from __future__ import annotations

from typing import NamedTuple

from grappe.apiserver.registry.interface import RequestInfo

_SELECTING = ("list", "watch", "deletecollection")


class Action(NamedTuple):
    """A request in the terms of authorization. For a path that is no resource's only `verb` and
    `path` count.

    `fields` are the terms of a field selector (`spec.nodeName=n1`) that narrows a list, watch or
    deletecollection: an authorizer may allow what is narrowed enough (KEP-4601).
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, info: RequestInfo) -> Action:
        if not info.resource_request:
            return cls(info.verb, path=info.path)
        fields: tuple[str, ...] = ()
        if info.query and info.verb in _SELECTING:
            selector = info.query.get("fieldSelector", "")
            fields = tuple(term for term in selector.split(",") if term)
        return cls(
            info.verb,
            info.group,
            info.plural,
            info.subresource,
            info.namespace,
            info.name,
            "",
            fields,
        )
