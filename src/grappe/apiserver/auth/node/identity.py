"""Which node a user is.

A node's user is `system:node:NAME` in the group `system:nodes`; one alone makes no node.
https://kubernetes.io/docs/reference/access-authn-authz/node/#migration-considerations
"""

from __future__ import annotations

from grappe.apiserver.auth.names import NODE_USER_PREFIX, NODES, SIMULATED_NODES
from grappe.apiserver.http.messages import User

EVERY_NODE = "*"
"""What the process that plays all simulated nodes is; no node can have this name."""


def node_of(user: User) -> str | None:
    """The name of the node that `user` is, empty when it says none, EVERY_NODE for the one that
    plays all simulated nodes; None for everybody else."""
    if NODES not in user.groups:
        return None
    if SIMULATED_NODES in user.groups:
        return EVERY_NODE
    if not user.name.startswith(NODE_USER_PREFIX):
        return None
    return user.name.removeprefix(NODE_USER_PREFIX)
