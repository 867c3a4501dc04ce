"""HTTP/1.1 over TLS on the event loop: connections, requests, responses, streams, upgrades.

Knows nothing of Kubernetes beyond carrying its `Status`. Hands each Request to one handler.
"""
