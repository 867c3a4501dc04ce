"""Binds pods to nodes: snapshot in, bindings out. Decides purely; writes only bindings, pod
conditions, victims' deletions and events. Never imports controllers or the server.

    pods.py, nodes.py   what one pod asks for and what one node has, parsed once
    cache.py            nodes and pods as they are, plus pods assumed to be bound → Snapshot
    queue.py            which pod is next, and when a rejected one is tried again
    filters/, scores/   one file for each rule, in Kubernetes' names
    decide.py           (pod, snapshot) → Placement or Rejected, a pure function
    preemption.py       (pod, snapshot, Rejected) → victims, a pure function
    loop.py             the only reads and writes

Watches pods, nodes and namespaces; writes `pods/binding`, `pods/status` and events.
Rules: https://kubernetes.io/docs/concepts/scheduling-eviction/
"""

from grappe.scheduler.loop import run

__all__ = ["run"]
