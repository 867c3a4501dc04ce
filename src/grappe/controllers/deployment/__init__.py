"""Deployment: declarative updates of pods by way of ReplicaSets.

watches        deployments, replicasets, pods
owns           ReplicaSets that carry a controller reference to a Deployment
writes         replicasets (create, scale, delete, owner references), the Deployment's revision
               annotation and status, events
never touches  pods; the Deployment's spec

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/

    rollout.py      which ReplicaSet is the newest, how a new one is named and made
    rolling.py      strategy RollingUpdate: how far to go now
    recreate.py     strategy Recreate
    scaling.py      spreading a change of `replicas` over ReplicaSets in mid-rollout
    progress.py     status and conditions
    decide.py       all of it put together
"""
