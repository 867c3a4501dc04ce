"""StatefulSet: pods with names and volumes of their own, in order.

watches        statefulsets, pods, controllerrevisions, persistentvolumeclaims
owns           pods and ControllerRevisions that carry a controller reference to a StatefulSet
writes         those, the claims of its pods (creates), statefulsets/status, events
never touches  the StatefulSet's spec; claims that exist

https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
"""
