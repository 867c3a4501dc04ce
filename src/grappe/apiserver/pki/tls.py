"""TLS as the server speaks it: to clients, and to the kubelet server of a node."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from functools import lru_cache

from grappe.apiserver.pki.ensure import ensure
from grappe.apiserver.pki.files import Pki
from grappe.apiserver.pki.rotation import Lifetimes
from grappe.base.config import ClusterConfig

log = logging.getLogger("grappe.pki")

_RENEW_EVERY_SECONDS = 600.0


def server_ssl_context(pki: Pki) -> ssl.SSLContext:
    """For the API server: a client may show a certificate, signed by the cluster's authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki.certificate("apiserver"), pki.key("apiserver"))
    context.load_verify_locations(pki.ca_certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def kubelet_client_context(pki: Pki) -> ssl.SSLContext:
    """For connections to a node's kubelet server, as kube-apiserver-kubelet-client. Made once,
    and again when the certificate has been renewed.

    A node is found by its address, and its certificate may carry only its name: what counts is
    that the cluster's authority signed it.
    """
    written = (pki.certificate("kubelet-client"), pki.ca_certificate)
    return _kubelet_client_context(pki, tuple(path.stat().st_mtime_ns for path in written))


@lru_cache(maxsize=4)
def _kubelet_client_context(pki: Pki, written: tuple[int, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.load_verify_locations(pki.ca_certificate)
    context.load_cert_chain(pki.certificate("kubelet-client"), pki.key("kubelet-client"))
    return context


async def renew_forever(
    config: ClusterConfig,
    server: ssl.SSLContext,
    authority_changed: Callable[[], None],
    *,
    lives: Lifetimes | None = None,
    period: float = _RENEW_EVERY_SECONDS,
) -> None:
    """Renew the certificates of a server that runs for years; new connections get the new one.

    `authority_changed` is called when there is another authority to trust. Awake time is not the
    time on the wall: after a machine has slept, the next look is at most `period` seconds away.
    """
    trusted = Pki(config.pki_dir).authorities()
    while True:
        await asyncio.sleep(period)
        try:
            pki = ensure(config, lives=lives)
            server.load_cert_chain(pki.certificate("apiserver"), pki.key("apiserver"))
            now_trusted = pki.authorities()
            if now_trusted != trusted:
                server.load_verify_locations(pki.ca_certificate)
                trusted = now_trusted
                authority_changed()
        except Exception:
            log.exception("cannot renew the certificates; trying again later")
