"""Services of type LoadBalancer get the node's address, as a cloud would give them one.

    decide.py      who holds which port of the address           pure
    controller.py  follows Services, writes `status.loadBalancer`

`services` then balances what arrives there, and `published` opens the same port on localhost. A
Service with a `loadBalancerClass` is another implementation's, and never touched
(https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-class).
"""
