"""The kubelet's HTTPS server: logs, exec, attach, port-forward, asked for by the API server.

Shows nothing to anyone without a client certificate of the cluster's CA, except /healthz.
"""

from grappe.node.server.kubelet import KubeletServer

__all__ = ["KubeletServer"]
