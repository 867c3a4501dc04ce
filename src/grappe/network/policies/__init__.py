"""NetworkPolicy: which pods may talk to which, enforced by nftables as packets are forwarded.

    isolation.py  policies, pods and namespaces → chains and sets           pure
    ruleset.py    those as nft(8) text, and changes to their elements       pure
    enforcer.py   follows the cluster; does nothing while there is no policy

https://kubernetes.io/docs/concepts/services-networking/network-policies/. Touches table
`ip grappe-policies` of the node's namespace and nothing else. Traffic from the node and the
machine to pods, cluster DNS, and connections already established are never cut.
"""
