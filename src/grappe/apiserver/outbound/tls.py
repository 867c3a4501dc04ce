"""How another server's certificate is verified, and which one of ours it is shown."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple


class Trust(NamedTuple):
    """`ca` is a PEM bundle; empty: the authorities the system trusts. `certificate` and `key` are
    files with what we show of ourselves, `written` says which version of them (ns)."""

    ca: bytes = b""
    verified: bool = True
    certificate: Path | None = None
    key: Path | None = None
    written: int = 0


class TrustError(ValueError):
    """The bundle holds no certificate that could be read."""


@lru_cache(maxsize=256)
def tls_context(trust: Trust) -> ssl.SSLContext:
    """A client's context; made once for each trust. TrustError for a bundle that is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not trust.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca:
        # As in Go, whatever certificate is in the bundle is trusted: an intermediate authority's,
        # or the server's own, as controller-runtime's envtest and many operators register it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cadata=trust.ca.decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise TrustError(
                "unable to load root certificates: unable to parse bytes as PEM block"
            ) from None
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if trust.certificate is not None:
        context.load_cert_chain(trust.certificate, trust.key)
    return context
