"""The Runtime on a private containerd, spoken to through CRI over gRPC.

Besides gRPC probes, the only code that may import grpc. Owns one containerd with its own root, state and socket
under the node's directory; never touches the machine's containerd, and never stops containers
because the agent stops.
"""

from grappe.node.runtime.containerd.runtime import ContainerdRuntime

__all__ = ["ContainerdRuntime"]
