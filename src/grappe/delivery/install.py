"""Make sure the cluster serves Applications before anybody asks for one."""

from __future__ import annotations

import asyncio
import logging

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import APPLICATIONS, CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES
from grappe.client.interface import Client, TransportError
from grappe.delivery.application import CONTROL_NAMESPACE
from grappe.delivery.crd import application_crd

log = logging.getLogger(__name__)

_MANAGER = "grappe-delivery"
_PAUSE_FIRST, _PAUSE_LIMIT = 0.1, 5.0


async def install(client: Client) -> None:
    """Create the CRD and Argo CD's namespace where they are missing, and wait until Applications
    are served; what is there (Argo CD's own CRD) is left as it is. Never gives up."""
    pause = _PAUSE_FIRST
    while True:
        try:
            await _create_missing(client)
            await client.list(APPLICATIONS, limit=1)
            return
        except (ApiError, TransportError) as error:
            if not (isinstance(error, ApiError) and error.code == 404):
                log.info("cannot install the Application kind yet: %s", error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _PAUSE_LIMIT)


async def _create_missing(client: Client) -> None:
    meta = {"name": CONTROL_NAMESPACE}
    namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
    for resource, obj in (
        (NAMESPACES, namespace),
        (CUSTOM_RESOURCE_DEFINITIONS, application_crd()),
    ):
        try:
            await client.get(resource, obj["metadata"]["name"])
        except ApiError as error:
            if error.code != 404:
                raise
            try:
                await client.create(resource, obj, field_manager=_MANAGER)
            except ApiError as taken:
                if taken.reason != "AlreadyExists":
                    raise
