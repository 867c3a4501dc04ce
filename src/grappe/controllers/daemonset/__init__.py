"""DaemonSet: one pod on every node it is meant for.

watches        daemonsets, nodes, pods, controllerrevisions
owns           pods and ControllerRevisions that carry a controller reference to a DaemonSet
writes         those, daemonsets/status, events
never touches  the DaemonSet's spec; nodes. Its pods are bound by the scheduler

https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/
"""
