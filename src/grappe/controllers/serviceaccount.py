"""ServiceAccount: every namespace has the ServiceAccount `default`.

watches        namespaces, serviceaccounts
writes         creates serviceaccounts named `default`
never touches  an existing ServiceAccount

https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import NAMESPACES, SERVICE_ACCOUNTS
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key

DEFAULT = "default"


def build(context: Context) -> Controller:
    return ServiceAccountController(context).controller


class ServiceAccountController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._namespaces = context.informers.of(NAMESPACES)
        self._accounts = context.informers.of(SERVICE_ACCOUNTS)
        self.controller = Controller("serviceaccount", reconcile=self.reconcile)
        self._namespaces.add_handler(self.controller.on_change)
        self._accounts.add_handler(self._account_changed)

    def _account_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        if event_type == "DELETED" and obj["metadata"]["name"] == DEFAULT:
            self.controller.enqueue(None, obj["metadata"]["namespace"])

    async def reconcile(self, key: Key) -> None:
        namespace = self._namespaces.get(None, key.name)
        if namespace is None or namespace["metadata"].get("deletionTimestamp"):
            return
        if self._accounts.get(key.name, DEFAULT) is not None:
            return
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": DEFAULT, "namespace": key.name},
        }
        try:
            await self._client.create(SERVICE_ACCOUNTS, account)
        except ApiError as error:
            if error.code not in (403, 404, 409):  # ending, gone, or there by now
                raise
