"""TLS as the server speaks it: to clients, and to the kubelet server of a node."""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import lru_cache

from grappe.apiserver.pki.ensure import ensure
from grappe.apiserver.pki.files import Pki
from grappe.base.config import ClusterConfig

log = logging.getLogger("grappe.pki")

_RENEW_EVERY_SECONDS = 12 * 3600


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
    return _kubelet_client_context(pki, pki.certificate("kubelet-client").stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _kubelet_client_context(pki: Pki, written: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.load_verify_locations(pki.ca_certificate)
    context.load_cert_chain(pki.certificate("kubelet-client"), pki.key("kubelet-client"))
    return context


async def renew_forever(config: ClusterConfig, server: ssl.SSLContext) -> None:
    """Renew certificates of a server that runs for months; new connections get the new one."""
    while True:
        await asyncio.sleep(_RENEW_EVERY_SECONDS)
        try:
            pki = ensure(config)
            server.load_cert_chain(pki.certificate("apiserver"), pki.key("apiserver"))
        except Exception:
            log.exception("cannot renew the certificates; trying again later")
