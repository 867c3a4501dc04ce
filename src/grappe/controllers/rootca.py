"""Root CA publisher: every namespace has the ConfigMap `kube-root-ca.crt`, by which pods trust
the API server.

watches        namespaces, configmaps of that name
writes         that ConfigMap, and puts its content right when somebody changes it
never touches  other ConfigMaps

https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, NAMESPACES
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key, Result

NAME = "kube-root-ca.crt"
_LOOK_AGAIN = 600.0
"""Seconds until the certificates are read again: authorities change over years."""
_DESCRIPTION = {
    "kubernetes.io/description": (
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
        "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
        "guaranteed across distributions of Kubernetes clusters."
    )
}


def build(context: Context) -> Controller:
    return RootCaPublisher(context).controller


class RootCaPublisher:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._root_ca = context.root_ca
        self._namespaces = context.informers.of(NAMESPACES)
        self._published = context.informers.of(CONFIG_MAPS, field_selector=f"metadata.name={NAME}")
        self.controller = Controller("root-ca-publisher", reconcile=self.reconcile)
        self._namespaces.add_handler(self.controller.on_change)
        self._published.add_handler(self._config_map_changed)

    def _config_map_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        self.controller.enqueue(None, obj["metadata"]["namespace"])

    async def reconcile(self, key: Key) -> Result | None:
        namespace = self._namespaces.get(None, key.name)
        pem = self._root_ca()
        if not pem or namespace is None or namespace["metadata"].get("deletionTimestamp"):
            return None
        wanted = {"ca.crt": pem}
        present = self._published.get(key.name, NAME)
        if present is not None and present.get("data") == wanted:
            return Result(_LOOK_AGAIN)
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": key.name, "annotations": _DESCRIPTION},
            "data": wanted,
        }
        try:
            if present is None:
                await self._client.create(CONFIG_MAPS, config_map)
            else:
                patch = {"data": {**dict.fromkeys(present.get("data") or {}), **wanted}}
                await self._client.patch(CONFIG_MAPS, NAME, patch, key.name)
        except ApiError as error:
            if error.code not in (403, 404, 409):
                raise
        return Result(_LOOK_AGAIN)
