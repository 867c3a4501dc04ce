"""The ConfigMap that tells extension API servers whom to believe.

https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#kubernetes-apiserver-client-authentication
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS
from grappe.apiserver.aggregation.identity import (
    EXTRA_PREFIXES,
    GROUP_HEADERS,
    UID_HEADERS,
    USERNAME_HEADERS,
)
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.pki.front_proxy import CLIENT_NAME
from grappe.apiserver.records import body_of
from grappe.store.interface import Store

NAMESPACE = "kube-system"
NAME = "extension-apiserver-authentication"


def authentication_data(client_ca: bytes, front_proxy_ca: bytes) -> Object:
    """Its `data`, of PEM bundles."""

    def listed(names: Sequence[str]) -> str:
        return json.dumps(list(names))

    return {
        "client-ca-file": client_ca.decode(),
        "requestheader-allowed-names": listed([CLIENT_NAME]),
        "requestheader-client-ca-file": front_proxy_ca.decode(),
        "requestheader-extra-headers-prefix": listed(EXTRA_PREFIXES),
        "requestheader-group-headers": listed(GROUP_HEADERS),
        "requestheader-uid-headers": listed(UID_HEADERS),
        "requestheader-username-headers": listed(USERNAME_HEADERS),
    }


async def publish(store: Store, loopback: Loopback, data: Object) -> None:
    """Make the ConfigMap what it should be; what others have added stays. One that somebody
    writes at the same time is left for the next time."""
    record = store.get(CONFIG_MAPS.bucket, f"{NAMESPACE}/{NAME}")
    try:
        if record is None:
            metadata = {"name": NAME, "namespace": NAMESPACE}
            await loopback.create(CONFIG_MAPS, {"metadata": metadata, "data": data})
            return
        live = body_of(record).get("data") or {}
        if any(live.get(key) != value for key, value in data.items()):
            await loopback.merge(CONFIG_MAPS, NAMESPACE, NAME, {"data": data})
    except ApiError as error:
        if error.code not in (404, 409):
            raise
