"""A port of 127.0.0.1 for the demo's Service: two demos on one machine must not share one."""

from __future__ import annotations

from grappe.assembly.ports import require_free
from grappe.base.errors import UserError

NODE_PORT = 30080
"""The one its manifest names."""
LAST_NODE_PORT = 32767
"""https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport"""


def free_node_port(first: int) -> int:
    """The first node port from `first` on that nobody listens on; UserError when all are taken."""
    for port in range(first, LAST_NODE_PORT + 1):
        try:
            require_free(port)
        except UserError:
            continue
        return port
    raise UserError(
        f"every port from {first} to {LAST_NODE_PORT} of 127.0.0.1 is taken",
        "see by whom: ss -ltnp; stop one of them",
    )
