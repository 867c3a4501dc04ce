"""The kubelet's HTTPS server: logs, exec, attach, port-forward, asked for by the API server.

Must never show anything but /healthz to anyone without a client certificate of the cluster's CA.
"""

from grappe.node.server.kubelet import KubeletServer

__all__ = ["KubeletServer"]
