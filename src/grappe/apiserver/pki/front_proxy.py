"""The certificate that extension API servers know us by, and an authority of its own for it.

Not the cluster's authority: whoever it has certified would otherwise be believed when he tells
extension servers that he is somebody else.
https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#ca-reusage-and-conflicts
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grappe.apiserver.pki.files import write_private
from grappe.apiserver.pki.rotation import Lifetimes

CLIENT_NAME = "front-proxy-client"
_LIVES = Lifetimes()


@dataclass(frozen=True, slots=True)
class FrontProxy:
    """`ca` is the PEM of the authorities extension servers should trust, `written` changes with
    the certificate."""

    ca: bytes
    certificate: Path
    key: Path
    written: int


def ensure_front_proxy(directory: Path, now: float | None = None) -> FrontProxy:
    """Make or renew what is missing or ends within 60 days. Called by one process of a cluster;
    after a crash at any point the next call makes it right.

    A new authority is believed beside the old one, so that servers that have not heard of it yet
    go on believing us.
    """
    now = time.time() if now is None else now
    ca_certificate, ca_key = directory / "front-proxy-ca.crt", directory / "front-proxy-ca.key"
    certificate, key = directory / f"{CLIENT_NAME}.crt", directory / f"{CLIENT_NAME}.key"
    ends = _read(directory / "front-proxy.json")
    files = (ca_certificate, ca_key, certificate, key)
    if not all(path.exists() for path in files):
        ends = {}
    if ends.get("client", 0) < now + _LIVES.renew:
        from grappe.apiserver.pki.authority import issue, new_ca

        if ends.get("ca", 0) < now + _LIVES.leaf:
            old = ca_certificate.read_bytes() if ends else b""
            made, made_key = new_ca(f"grappe-front-proxy-ca@{int(now)}", now, _LIVES.authority)
            write_private(ca_key, made_key)
            write_private(ca_certificate, made + _first(old))
            ends["ca"] = now + _LIVES.authority
        authority = (_first(ca_certificate.read_bytes()), ca_key.read_bytes())
        pair = issue(authority, CLIENT_NAME, (), now=now, seconds=_LIVES.leaf)
        write_private(key, pair[1])
        write_private(certificate, pair[0])
        ends["client"] = now + _LIVES.leaf
        write_private(directory / "front-proxy.json", json.dumps(ends).encode() + b"\n")
    written = certificate.stat().st_mtime_ns
    return FrontProxy(ca_certificate.read_bytes(), certificate, key, written)


def _first(bundle: bytes) -> bytes:
    end = b"-----END CERTIFICATE-----\n"
    head, found, _ = bundle.partition(end)
    return head + found


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
