"""Where an extension API server is, and how it knows that we are who asks."""

from __future__ import annotations

from collections.abc import Callable

from grappe.apiserver.aggregation.services import ApiService
from grappe.apiserver.outbound.caller import Target
from grappe.apiserver.outbound.services import Services
from grappe.apiserver.outbound.tls import Trust
from grappe.apiserver.pki.front_proxy import FrontProxy


class Targets:
    """Finds the target of an APIService."""

    def __init__(self, services: Services, front_proxy: Callable[[], FrontProxy]) -> None:
        self._services = services
        self._front_proxy = front_proxy

    def of(self, service: ApiService, *, verified: bool = True) -> Target:
        """ApiError when its Service is not there, or nobody serves it. `verified` false: the
        server need not show who it is, as when it is only probed."""
        host, port = self._services.resolve(service.namespace, service.service, service.port)
        ours = self._front_proxy()
        trust = Trust(
            ca=service.ca if verified and service.verified else b"",
            verified=verified and service.verified,
            certificate=ours.certificate,
            key=ours.key,
            written=ours.written,
        )
        name = f"{service.service}.{service.namespace}.svc"
        return Target(host, port, name, f"{name}:{service.port}", trust)
