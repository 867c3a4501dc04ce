"""CSR cleaner: deletes CertificateSigningRequests nobody needs any more.

watches        certificatesigningrequests
writes         deletes those issued, denied or failed an hour ago, pending or approved for a day,
               and those whose certificate has expired
never touches  anything else

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

from __future__ import annotations

from base64 import b64decode

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import builtin_kind
from grappe.base.clock import parse_rfc3339
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key, Result

_HOUR = 3600.0
_DAY = 24 * _HOUR


def build(context: Context) -> Controller:
    return CsrCleaner(context).controller


def due_at(csr: Object) -> float:
    """When a request may go, in seconds since the epoch."""
    status = csr.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    created = parse_rfc3339(csr["metadata"]["creationTimestamp"])
    certificate = status.get("certificate")
    for kind in ("Denied", "Failed"):
        if kind in conditions:
            return _updated(conditions[kind], created) + _HOUR
    if "Approved" not in conditions:
        return created + _DAY
    approved = _updated(conditions["Approved"], created)
    if not certificate:
        return approved + _DAY
    return min(approved + _HOUR, end_of(certificate))


def _updated(condition: Object, created: float) -> float:
    time = condition.get("lastUpdateTime")
    return parse_rfc3339(time) if time else created


def end_of(certificate: str) -> float:
    """When a certificate (base64 of PEM) ends; far away when it cannot be read."""
    from cryptography import x509

    try:
        parsed = x509.load_pem_x509_certificate(b64decode(certificate))
    except ValueError:
        return float("inf")
    return parsed.not_valid_after_utc.timestamp()


class CsrCleaner:
    def __init__(self, context: Context) -> None:
        resource = builtin_kind("certificates.k8s.io/v1", "CertificateSigningRequest")
        assert resource is not None
        self._resource = resource
        self._client = context.client
        self._clock = context.clock
        self._requests = context.informers.of(resource)
        self.controller = Controller("csr-cleaner", reconcile=self.reconcile)
        self._requests.add_handler(self._changed)

    def _changed(self, event_type: EventType, csr: Object, old: Object | None) -> None:
        if event_type != "DELETED":
            self.controller.enqueue_object(csr)

    async def reconcile(self, key: Key) -> Result | None:
        csr = self._requests.get(None, key.name)
        if csr is None or csr["metadata"].get("deletionTimestamp"):
            return None
        now = self._clock.now()
        at = due_at(csr)
        if at > now:
            return Result(at - now)
        try:
            uid = csr["metadata"]["uid"]
            await self._client.delete(self._resource, key.name, uid=uid)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
        return None
