"""The Runtime on a private containerd, spoken to through CRI over gRPC.

Only this package, and probes that are gRPC themselves, may import grpc. Owns one containerd with
its own root, state and socket under the node's directory; must never touch the machine's
containerd, nor stop containers because the agent stops.
"""

from grappe.node.runtime.containerd.runtime import ContainerdRuntime

__all__ = ["ContainerdRuntime"]
