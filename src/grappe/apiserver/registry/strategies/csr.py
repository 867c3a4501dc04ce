"""Certificate signing requests: who asks is recorded, approval is a subresource of its own.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.strategies.base import Strategy, settle_only

_VERDICTS = ("Approved", "Denied")


class SigningRequestStrategy(Strategy):
    def prepare_create(self, obj: Object, user: User) -> None:
        super().prepare_create(obj, user)
        spec = {**(obj.get("spec") or {}), "username": user.name, "groups": list(user.groups)}
        spec["uid"] = user.uid
        spec["extra"] = {name: list(values) for name, values in user.extra.items()}
        obj["spec"] = {name: value for name, value in spec.items() if value}

    def prepare_update(self, new: Object, old: Object) -> None:
        """The request itself never changes."""
        super().prepare_update(new, old)
        new["spec"] = old["spec"]

    def prepare(self, subresource: str, new: Object, old: Object) -> None:
        """Approval changes only the conditions; the signer may add its own, not the verdict."""
        if subresource not in ("approval", "status"):
            super().prepare(subresource, new, old)
            return
        settle_only(new, old, "status")
        status, before = new.get("status") or {}, old.get("status") or {}
        wanted = status.get("conditions") or []
        if subresource == "approval":
            new["status"] = {**before, "conditions": wanted}
        else:
            kept = [c for c in before.get("conditions") or () if c.get("type") in _VERDICTS]
            added = [c for c in wanted if c.get("type") not in _VERDICTS]
            new["status"] = {**status, "conditions": [*kept, *added]}
