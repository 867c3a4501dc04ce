"""The node's network: its namespace, the pods' bridge, services on nftables, cluster DNS, published
ports. Reaches the cluster through the Client only; never imports the node agent or the server.
"""
