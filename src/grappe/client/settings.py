"""What it takes to reach one API server; read from a kubeconfig, the pod's own files, or given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from grappe.client.exec_credentials import ExecPlugin


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """`server` is a URL, with or without a path. Certificates and keys are PEM text.

    `ca=None` means the machine's trusted authorities. `token_file` is read again every minute, as
    projected service-account tokens change.
    """

    server: str
    ca: bytes | None = None
    client_certificate: bytes | None = field(default=None, repr=False)
    client_key: bytes | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    exec_plugin: ExecPlugin | None = None
    insecure: bool = False
    tls_server_name: str = ""
    namespace: str = "default"
