"""Signs the certificate requests that were approved.

In Kubernetes a controller does this; here it is where the CA's key is.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource, builtin_kind
from grappe.apiserver.auth.certificates.rules import SIGNERS, problem
from grappe.apiserver.loopback import Loopback
from grappe.base.clock import Clock, rfc3339
from grappe.store.interface import Event, Store, Subscription

log = logging.getLogger("grappe.apiserver.auth")

_LONGEST = 365 * 24 * 3600  # seconds a certificate is good for, unless less is asked for
_RETRY = 1.0  # seconds until a refused write is tried again


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
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, loopback: Loopback) -> None:
        store = self._store
        self._look_at({record.key for record in store.list(REQUESTS.bucket)})
        self._subscription = store.watch(REQUESTS.bucket, store.revision, self._changed)
        self._task = asyncio.get_running_loop().create_task(
            self._run(loopback), name="certificate signer"
        )

    async def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _look_at(self, names: set[str]) -> None:
        if names:
            self._due |= names
            self._wake.set()

    def _changed(self, events: Sequence[Event]) -> None:
        self._look_at({event.record.key for event in events if event.type != "DELETED"})

    async def _run(self, loopback: Loopback) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, set()
            for name in sorted(due):
                try:
                    await self._settle(loopback, name)
                except ApiError as error:
                    if error.code != 404:
                        log.warning("certificate request %s: %s", name, error)
                        asyncio.get_running_loop().call_later(_RETRY, self._look_at, {name})

    async def _settle(self, loopback: Loopback, name: str) -> None:
        record = self._store.get(REQUESTS.bucket, name)
        if record is None:
            return
        obj: Object = orjson.loads(b"{" + record.body)
        if not wants_signing(obj):
            return
        patch = {
            "metadata": {"resourceVersion": str(record.revision)},
            "status": self._answer(obj),
        }
        await loopback.merge(REQUESTS, "", name, patch, "status")

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
