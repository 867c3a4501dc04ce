"""Services on the node: ClusterIPs, NodePorts and host ports, balanced by nftables.

    endpoints.py   which endpoints of a Service may get traffic now            pure
    render.py      a Service and its EndpointSlices → elements of the table    pure
    table.py       what the table should hold, and what changed                pure
    ruleset.py     the table's fixed part, and transactions as nft(8) text     pure
    proxy.py       follows the cluster and keeps the kernel's table true
    conntrack.py   forgets UDP flows to endpoints that are gone

As kube-proxy does it (https://kubernetes.io/docs/reference/networking/virtual-ips/), except that
the client's address is never hidden from the pod. Touches table `ip grappe` of the node's
namespace and nothing else; connections that are established are never cut by a change.
"""
