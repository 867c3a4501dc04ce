"""HTTP/1.1 over TLS on the event loop: connections, requests, responses, streams, upgrades.

Hands each Request to one handler. Must never know anything of Kubernetes beyond carrying its
`Status`, nor wait for a slow client with more than a bounded number of bytes.
"""
