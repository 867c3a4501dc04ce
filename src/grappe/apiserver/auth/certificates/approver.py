"""Approves nodes' requests for client certificates, when their senders may have them.

The only requests anything here approves by itself, and only for users who hold the verb `create`
on `certificatesigningrequests/nodeclient`, or, for their own certificate, `…/selfnodeclient`. In
Kubernetes a controller does this; here it is where the authorizer is.
https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#approval
"""

from __future__ import annotations

from base64 import b64decode

from grappe.api import Object
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.auth.certificates.rules import KUBELET_CLIENT, Asked, problem
from grappe.apiserver.auth.certificates.signer import REQUESTS
from grappe.apiserver.http.messages import User
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.upkeep import Upkeep
from grappe.store.interface import Store

_OWN = "Auto approving self kubelet client certificate after SubjectAccessReview."
_ANY = "Auto approving kubelet client certificate after SubjectAccessReview."


class Approver:
    """Runs from `start` to `stop`."""

    def __init__(self, store: Store, authorizer: Authorizer) -> None:
        self._store = store
        self._authorizer = authorizer
        self._upkeep = Upkeep("certificate approver", self._settle)
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
        if not is_open(obj) or obj["spec"].get("signerName") != KUBELET_CLIENT:
            return
        why = self.verdict(obj)
        if not why:
            return
        condition = {
            "type": "Approved",
            "status": "True",
            "reason": "AutoApproved",
            "message": why,
        }
        patch = {
            "metadata": {"resourceVersion": str(record.revision)},
            "status": {"conditions": [*_conditions(obj), condition]},
        }
        await self._loopback.merge(REQUESTS, "", name, patch, "approval")

    def verdict(self, obj: Object) -> str:
        """Why the request is approved; empty when a person has to decide."""
        from grappe.apiserver.auth.certificates.sign import RequestError, read_request

        spec = obj["spec"]
        try:
            asked = read_request(b64decode(spec.get("request") or ""))
        except (RequestError, ValueError):
            return ""
        if problem(KUBELET_CLIENT, asked, spec.get("usages") or ()):
            return ""
        return self._permitted(spec, asked)

    def _permitted(self, spec: Object, asked: Asked) -> str:
        extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
        name = spec.get("username") or ""
        user = User(name, tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)
        for part, message in (("selfnodeclient", _OWN), ("nodeclient", _ANY)):
            if part == "selfnodeclient" and name != asked.common_name:
                continue
            if self._authorizer.allows(
                user, Action("create", REQUESTS.group, REQUESTS.plural, part)
            ):
                return message
        return ""


def is_open(obj: Object) -> bool:
    """Whether nobody has decided about a request yet."""
    decided = {c.get("type") for c in _conditions(obj)} & {"Approved", "Denied", "Failed"}
    return not decided and not (obj.get("status") or {}).get("certificate")


def _conditions(obj: Object) -> list[Object]:
    return (obj.get("status") or {}).get("conditions") or []
