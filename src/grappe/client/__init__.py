"""The one door to any cluster: the Client protocol, its transports, kubeconfig, informers.

Controllers, the node agent and platform features reach a cluster through this and nothing else.
Must never import the server's packages: it works against any Kubernetes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grappe.client.rest import RestClient


def connect(kubeconfig_path: Path | None = None, context: str | None = None) -> RestClient:
    """A client for one context of a kubeconfig; without a path, of the default files or the pod.

    UserError when there is none or it cannot be used. Nothing is sent yet. `close` it when done.
    A kubeconfig named by its path may be written anew while the client lives.
    """
    # Loaded here, so that `grappe.client.interface` alone stays cheap to import.
    from grappe.client import kubeconfig
    from grappe.client.https import HttpsTransport
    from grappe.client.rest import RestClient

    settings = kubeconfig.load(kubeconfig_path, context)
    renewed = kubeconfig.Renewed(kubeconfig_path, context) if kubeconfig_path else None
    return RestClient(HttpsTransport(settings, renewed=renewed))
