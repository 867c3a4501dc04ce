"""Secrets of type kubernetes.io/tls: a certificate and a key that do not belong together.

The sentences are those of Go's `tls.X509KeyPair`, which Kubernetes passes on.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from grappe.api import Object

_TLS = "kubernetes.io/tls"
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL)
_CERTIFICATE = "CERTIFICATE"
_KEY = "PRIVATE KEY"


def secret(obj: Object) -> Iterator[str]:
    """A valid Secret of this type has both, perhaps empty."""
    if obj.get("type") != _TLS:
        return
    data = obj.get("data") or {}
    given = [base64.b64decode(data.get(name) or "") for name in ("tls.crt", "tls.key")]
    if problem := _problem(*given):
        yield problem if problem.startswith("x509: ") else f"tls: {problem}"


def _problem(certificate: bytes, key: bytes) -> str:
    first, skipped = _first(certificate, _CERTIFICATE)
    if first is None:
        if not skipped:
            return "failed to find any PEM data in certificate input"
        if len(skipped) == 1 and skipped[0].endswith(_KEY):
            return (
                "failed to find certificate PEM data in certificate input, but did find a private "
                "key; PEM inputs may have been switched"
            )
        return (
            'failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks '
            f"of the following types: [{' '.join(skipped)}]"
        )
    own, skipped = _first(key, _KEY)
    if own is None:
        if not skipped:
            return "failed to find any PEM data in key input"
        if skipped == [_CERTIFICATE]:
            return "found a certificate rather than a key in the PEM for the private key"
        return (
            'failed to find PEM block with type ending in "PRIVATE KEY" in key input after '
            f"skipping PEM blocks of the following types: [{' '.join(skipped)}]"
        )
    return _mismatch(first, own)


def _first(pem: bytes, kind: str) -> tuple[bytes | None, list[str]]:
    """The first block whose type ends in `kind`, and the types of those before it."""
    skipped: list[str] = []
    for block in _BLOCK.finditer(pem):
        found = block[1].decode()
        if found == kind or (kind == _KEY and found.endswith(f" {_KEY}")):
            return block[0], skipped
        skipped.append(found)
    return None, skipped


def _mismatch(certificate: bytes, key: bytes) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        shown = load_pem_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "x509: malformed certificate"
    try:
        held = load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "failed to parse private key"
    if type(held) is not type(shown):
        return "private key type does not match public key type"
    return "" if held == shown else "private key does not match public key"
