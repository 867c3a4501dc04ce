"""Node life cycle: notices nodes that have fallen silent, and says by taints what nodes are not
fit for.

watches        nodes, leases in kube-node-lease, pods
owns           taints named `node.kubernetes.io/…` that follow from a node's conditions
writes         nodes (those taints), nodes/status (conditions of a silent node), pods/status (Ready
               of pods on such a node), events
never touches  other taints; deletes no pods (see tainteviction)

https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
"""
