"""ReplicaSet, and ReplicationController, which is the same with a plainer selector: keeps a stated
number of pods running.

watches        replicasets, replicationcontrollers, pods
owns           pods that carry a controller reference to one of them
writes         pods (create, delete, owner references), their status, events
never touches  their spec; pods of other owners; deployments

https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
"""
