"""Writes kubeconfig files
(https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/)."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

from grappe.apiserver.pki.files import write_private


def write_kubeconfig(
    path: Path,
    server_url: str,
    certificate: bytes,
    key: bytes,
    context_name: str,
    *,
    ca: bytes,
) -> None:
    """One cluster, one user and one context, all named `context_name`, with the PEM texts
    embedded. A file that already says so is left alone."""
    name = json.dumps(context_name)  # a JSON string is a YAML string
    text = f"""\
apiVersion: v1
kind: Config
current-context: {name}
clusters:
- name: {name}
  cluster:
    server: {server_url}
    certificate-authority-data: {b64encode(ca).decode()}
users:
- name: {name}
  user:
    client-certificate-data: {b64encode(certificate).decode()}
    client-key-data: {b64encode(key).decode()}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {name}
""".encode()
    if not path.exists() or path.read_bytes() != text:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, text)
