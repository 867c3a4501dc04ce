"""Token cleaner: deletes bootstrap tokens that have expired.

watches        Secrets of kube-system of type bootstrap.kubernetes.io/token
writes         deletes those whose `expiration` has passed
never touches  other Secrets, and tokens that state no end

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import SECRETS
from grappe.client.informer import EventType
from grappe.controllers.bootstrap_secrets import NAMESPACE, SELECTOR, expires_at
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key, Result


def build(context: Context) -> Controller:
    return TokenCleaner(context).controller


class TokenCleaner:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._tokens = context.informers.of(SECRETS, field_selector=SELECTOR)
        self.controller = Controller("token-cleaner", reconcile=self.reconcile)
        self._tokens.add_handler(self._changed)

    def _changed(self, event_type: EventType, secret: Object, old: Object | None) -> None:
        if event_type != "DELETED" and secret["metadata"]["namespace"] == NAMESPACE:
            self.controller.enqueue_object(secret)

    async def reconcile(self, key: Key) -> Result | None:
        secret = self._tokens.get(*key)
        if secret is None or secret["metadata"].get("deletionTimestamp"):
            return None
        at, now = expires_at(secret), self._clock.now()
        if at is None:
            return None
        if at > now:
            return Result(at - now)
        try:
            uid = secret["metadata"]["uid"]
            await self._client.delete(SECRETS, key.name, key.namespace, uid=uid)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
        return None
