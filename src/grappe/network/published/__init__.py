"""Node ports, host ports and load balancers' ports on the machine's own 127.0.0.1.

    wanted.py    which ports, for which objects                    pure
    relay.py     TCP: both directions, half-close, back-pressure
    datagrams.py UDP: one socket for each client
    holder.py    which process holds a port that is taken
    ports.py     follows the cluster; opens, retries and closes

Listens in the host's namespace and connects in the node's, where nftables balances. The host's
other addresses are never opened.
"""
