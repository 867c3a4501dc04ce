"""The cluster's own certificate authority: who the server is, and who its first clients are.

Keys and certificates are files of the cluster's directory, made on first use and renewed before
they end. Must never log key material, nor import `cryptography` when nothing is to be issued.
"""

from grappe.apiserver.pki.ensure import ensure
from grappe.apiserver.pki.files import Pki
from grappe.apiserver.pki.kubeconfig import write_kubeconfig
from grappe.apiserver.pki.rotation import Lifetimes
from grappe.apiserver.pki.tls import kubelet_client_context, renew_forever, server_ssl_context

__all__ = [
    "Lifetimes",
    "Pki",
    "ensure",
    "kubelet_client_context",
    "renew_forever",
    "server_ssl_context",
    "write_kubeconfig",
]
