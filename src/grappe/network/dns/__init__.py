"""Cluster DNS, at the tenth address of the service range.

    zone.py       names of the cluster → records, by the Kubernetes DNS specification     pure
    message.py    the wire format: questions in, answers out                              pure
    resolvconf.py the host's resolv.conf                                                  pure
    upstream.py   every other name: asks the host's resolvers, from the host's namespace
    server.py     UDP and TCP on port 53, a small cache, bounded work

https://github.com/kubernetes/dns/blob/master/docs/specification.md, and CoreDNS where that leaves
a choice. A name of the cluster never leaves it; nothing here writes to the cluster.
"""
