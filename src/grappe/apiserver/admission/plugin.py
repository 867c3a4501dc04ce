"""What a plugin is."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from grappe.api import Object
from grappe.api.errors import ApiError, forbidden
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class Plugin:
    """One admission plugin. `concerns` is asked once for each kind of request and remembered;
    the other two are called, in the chain's order, for the requests it concerns.

    Both may answer with an awaitable where they must wait for something; most do not, so that a
    write is not suspended on its way.
    """

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        """Whether requests of this kind matter to the plugin."""
        raise NotImplementedError

    def admit(self, request: AdmissionRequest) -> Awaitable[None] | None:
        """May change `request.obj`; ApiError refuses."""
        return None

    def validate(self, request: AdmissionRequest) -> Awaitable[None] | None:
        """After everything is settled and valid; may only refuse, by ApiError."""
        return None


def refuse(request: AdmissionRequest, why: str, causes: Sequence[Object] = ()) -> ApiError:
    """403 as admission plugins answer: `pods "web" is forbidden: WHY`."""
    resource = request.served.resource
    error = forbidden(resource.plural, _name(request), why, resource.group)
    if causes:
        error.details = {**(error.details or {}), "causes": list(causes)}
    return error


def annotate(request: AdmissionRequest, key: str, value: str) -> None:
    """Note something about the request for the audit log; what was noted first stays."""
    if request.annotations is None:
        request.annotations = {}
    request.annotations.setdefault(key, value)


def _name(request: AdmissionRequest) -> str:
    metadata = (request.obj or {}).get("metadata") or {}
    return request.name or metadata.get("name") or metadata.get("generateName") or "Unknown"
