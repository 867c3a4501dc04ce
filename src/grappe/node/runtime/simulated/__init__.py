"""The Runtime without containers: pods go through their life cycle, nothing runs.

Needs neither root nor containerd. What a pod does can be scripted by its annotation
`grappe.dev/simulate` (docs/simulated-nodes.md). Must never start a process or open a socket.
"""

from grappe.node.runtime.simulated.runtime import SimulatedRuntime

__all__ = ["SimulatedRuntime"]
