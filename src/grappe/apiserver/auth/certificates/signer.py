"""Signs the certificate requests that were approved.

In Kubernetes a controller does this; here it is where the CA's key is.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

from grappe.api import Object
from grappe.api.resources import Resource, builtin_kind
from grappe.apiserver.auth.certificates.rules import SIGNERS, problem
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.upkeep import Upkeep
from grappe.base.clock import Clock, rfc3339
from grappe.store.interface import Store

_LONGEST = 365 * 24 * 3600  # seconds a certificate is good for, unless less is asked for


def _requests() -> Resource:
    found = builtin_kind("certificates.k8s.io/v1", "CertificateSigningRequest")
    assert found is not None
    return found


REQUESTS = _requests()


def wants_signing(obj: Object) -> bool:
    """Whether a request is approved, neither failed nor answered, and for a signer of ours."""
    status = obj.get("status") or {}
    true = {c.get("type") for c in status.get("conditions") or () if c.get("status") == "True"}
    return (
        obj["spec"].get("signerName") in SIGNERS
        and "Approved" in true
        and not true & {"Denied", "Failed"}
        and not status.get("certificate")
    )


class Signer:
    """Runs from `start` to `stop`. `ca` gives the CA's certificate and key (PEM)."""

    def __init__(self, store: Store, clock: Clock, ca: Callable[[], tuple[bytes, bytes]]) -> None:
        self._store = store
        self._clock = clock
        self._ca = ca
        self._upkeep = Upkeep("certificate signer", self._settle)
        self._loopback: Loopback | None = None

    def start(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._upkeep.follow(self._store, REQUESTS.bucket)
        self._upkeep.start()

    async def stop(self) -> None:
        await self._upkeep.stop()

    async def _settle(self, name: str) -> None:
        record = self._store.get(REQUESTS.bucket, name)
        if record is None or self._loopback is None:
            return
        obj = body_of(record)
        if not wants_signing(obj):
            return
        patch = {
            "metadata": {"resourceVersion": str(record.revision)},
            "status": self._answer(obj),
        }
        await self._loopback.merge(REQUESTS, "", name, patch, "status")

    def _answer(self, obj: Object) -> Object:
        """What to write into the status: the certificate, or why there is none."""
        from grappe.apiserver.auth.certificates.sign import RequestError, read_request, sign

        spec = obj["spec"]
        usages = spec.get("usages") or []
        now = self._clock.now()
        try:
            pem = b64decode(spec.get("request") or "")
            why = problem(spec["signerName"], read_request(pem), usages)
        except (RequestError, ValueError) as error:
            why = str(error)
        if why:
            time = rfc3339(now)
            failed = {
                "type": "Failed",
                "status": "True",
                "reason": "SignerValidationFailure",
                "message": why,
                "lastUpdateTime": time,
                "lastTransitionTime": time,
            }
            return {"conditions": [*obj["status"]["conditions"], failed]}
        seconds = min(spec.get("expirationSeconds") or _LONGEST, _LONGEST)
        certificate = sign(*self._ca(), pem, usages, now, seconds)
        return {"certificate": b64encode(certificate).decode()}
