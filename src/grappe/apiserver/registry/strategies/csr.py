"""Certificate signing requests: who asks is recorded, approval is a subresource of its own.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.apiserver.auth.certificates.validation import problems_of_new, problems_of_update
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.base import Strategy, settle_only
from grappe.base.clock import Clock, rfc3339

_VERDICTS = ("Approved", "Denied")


class SigningRequestStrategy(Strategy):
    def __init__(self, served: ServedResource, clock: Clock) -> None:
        super().__init__(served)
        self._clock = clock

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
        if new["status"].get("conditions"):
            now = rfc3339(self._clock.now())
            stamp_conditions(new["status"]["conditions"], before.get("conditions") or [], now)
        else:
            new["status"].pop("conditions", None)

    def validate_create(self, obj: Object) -> list[Cause]:
        return [*problems_of_new(obj)]

    def validate_update(self, new: Object, old: Object) -> list[Cause]:
        return [*problems_of_update(new, old)]


def stamp_conditions(conditions: list[Object], before: list[Object], now: str) -> None:
    """Say when conditions that do not say it were set, and since when they hold."""
    since = {
        (c.get("type"), c.get("status")): c["lastTransitionTime"]
        for c in before
        if c.get("lastTransitionTime")
    }
    for condition in conditions:
        condition.setdefault("lastUpdateTime", now)
        key = (condition.get("type"), condition.get("status"))
        condition.setdefault("lastTransitionTime", since.get(key, now))
