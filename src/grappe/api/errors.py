"""API errors: one exception that carries a Kubernetes `Status`.

The constructors give the code, reason and message Kubernetes gives
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/;
message forms as in apimachinery's api/errors package).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from grappe.api import Object


class Cause(NamedTuple):
    """One thing wrong with one field, as in `Status.details.causes`.

    `reason` is FieldValueRequired, FieldValueInvalid, FieldValueNotSupported,
    FieldValueDuplicate, FieldValueForbidden, FieldValueTooLong, FieldValueTooMany,
    FieldValueTypeInvalid, FieldValueNotFound or FieldManagerConflict. `message` is the full text
    Kubernetes puts there, such as `Required value` or `Invalid value: -1: must be …`.
    """

    field: str
    reason: str
    message: str


class ApiError(Exception):
    """An answer other than success, with its `Status` object."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Object | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers

    def status(self) -> Object:
        """The `Status` object that goes over the wire."""
        body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body

    @classmethod
    def from_status(cls, code: int, status: Object) -> ApiError:
        """The error a server answered with; `status` may be incomplete or no Status at all."""
        return cls(
            int(status.get("code") or code),
            str(status.get("reason") or ""),
            str(status.get("message") or f"the server answered {code}"),
            status.get("details"),
        )


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def _details(kind: str, name: str, group: str) -> Object:
    """`details` of a Status, in Kubernetes' order; what is empty is left out. `kind` holds the
    resource for all reasons but Invalid, as in Kubernetes."""
    details: Object = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    details["kind"] = kind
    return details


def not_found(resource: str, name: str, group: str = "") -> ApiError:
    message = f'{_qualified(resource, group)} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(resource, name, group))


def already_exists(resource: str, name: str, group: str = "") -> ApiError:
    message = f'{_qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name, group))


def name_not_generated(resource: str, name: str, group: str = "") -> ApiError:
    """409: every name that was made up is taken; another try may find one that is not."""
    message = (
        f'{_qualified(resource, group)} "{name}" already exists, the server was not able to '
        "generate a unique name for the object"
    )
    details = {**_details(resource, name, group), "retryAfterSeconds": 1}
    return ApiError(409, "AlreadyExists", message, details, [("Retry-After", "1")])


def conflict(resource: str, name: str, why: str, group: str = "") -> ApiError:
    message = f'Operation cannot be fulfilled on {_qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name, group))


OBJECT_MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def invalid(kind: str, name: str, causes: Iterable[Cause], group: str = "") -> ApiError:
    """422 with one cause for each wrong field."""
    found = list(causes)
    texts = list(dict.fromkeys(f"{c.field}: {c.message}" for c in found))
    told = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = _details(kind, name, group)
    details["causes"] = [
        {"reason": c.reason, "message": c.message, "field": c.field} for c in found
    ]
    return ApiError(
        422, "Invalid", f'{_qualified(kind, group)} "{name}" is invalid: {told}', details
    )


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(resource: str, name: str, why: str, group: str = "") -> ApiError:
    subject = f'{_qualified(resource, group)} "{name}"' if name else _qualified(resource, group)
    return ApiError(
        403, "Forbidden", f"{subject} is forbidden: {why}", _details(resource, name, group)
    )


def gone(message: str) -> ApiError:
    """410: the revision asked for is no longer held; the client must list again."""
    return ApiError(410, "Expired", message)


def method_not_allowed(resource: str, group: str) -> ApiError:
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {"group": group, "kind": resource} if resource else None,
    )


def not_acceptable(message: str) -> ApiError:
    return ApiError(406, "NotAcceptable", message)


def unsupported_media_type(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message)


def too_large(message: str) -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", message)


def internal(message: str) -> ApiError:
    return ApiError(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        {"causes": [{"message": message}]},
    )


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)
