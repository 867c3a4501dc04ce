"""Certificate signing requests: who asks is recorded, approval is a subresource of its own.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.causes import forbidden
from grappe.api.errors import Cause, invalid
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
        """Approval changes only the conditions; whoever signs adds others than a verdict."""
        if subresource not in ("approval", "status"):
            super().prepare(subresource, new, old)
            return
        settle_only(new, old, "status")
        status, before = new.get("status") or {}, old.get("status") or {}
        wanted = status.get("conditions") or []
        if subresource == "approval":
            new["status"] = {**before, "conditions": wanted}
        else:
            _keep_verdicts(wanted, before.get("conditions") or [], new["metadata"]["name"])
            new["status"] = {**status, "conditions": wanted}
        if new["status"].get("conditions"):
            now = rfc3339(self._clock.now())
            stamp_conditions(new["status"]["conditions"], before.get("conditions") or [], now)
        else:
            new["status"].pop("conditions", None)

    def validate_create(self, obj: Object) -> list[Cause]:
        return [*problems_of_new(obj)]

    def validate_update(self, new: Object, old: Object) -> list[Cause]:
        return [*problems_of_update(new, old)]


def _keep_verdicts(wanted: list[Object], before: list[Object], name: str) -> None:
    """Verdicts that are given stay as they were, in place; ApiError 422 for a new one. One that is
    taken back is left for validation to refuse."""
    causes = []
    for verdict in _VERDICTS:
        places = [i for i, c in enumerate(wanted) if c.get("type") == verdict]
        given = [c for c in before if c.get("type") == verdict]
        if len(places) > len(given):
            told = f'updates may not add a condition of type "{verdict}"'
            causes.append(forbidden("status.conditions", told))
        elif len(places) == len(given):
            for i, condition in zip(places, given, strict=True):
                wanted[i] = condition
    if causes:
        raise invalid("CertificateSigningRequest", name, causes, "certificates.k8s.io")


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
