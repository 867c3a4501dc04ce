"""ReplicaSet: keeps a stated number of pods running.

watches        replicasets, pods
owns           pods that carry a controller reference to a ReplicaSet
writes         pods (create, delete, owner references), replicasets/status, events
never touches  the ReplicaSet's spec; pods of other owners; deployments

https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
"""
