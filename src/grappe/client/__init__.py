"""The one door to any cluster: the Client protocol, its transports, kubeconfig, informers.

Controllers, the node agent and platform features reach a cluster through this and nothing else.
Must never import the server's packages: it works against any Kubernetes.
"""
