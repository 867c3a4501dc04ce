"""The node's network: everything between a pod's link and this machine's localhost.

    namespace.py      the node's network namespace and its link to this machine
    upkeep.py         mends that when others remove parts of it
    slots.py          which address ranges a cluster gets
    cni.py            how containerd connects a pod
    egress.py         the way out for pods, through slirp4netns
    agent.py          all that follows the cluster, as one task:
      services/         Services on nftables
      policies/         NetworkPolicy on nftables
      dns/              cluster DNS
      published/        node ports, host ports on localhost
      loadbalancer/     the node's address for Services of type LoadBalancer
      informers.py      what they share of the cluster
    netns.py, iproute.py, nft.py                  how the kernel is talked to

Reaches the cluster through the Client only; must never import the node agent or the server. Of the
machine it changes nothing but one link, routes to the cluster's ranges and a file under /run.
"""
