"""The node agent: makes the pods bound to its node real on a container runtime and reports back.
Reaches the cluster through the Client only; never imports the network package or the server.
"""
