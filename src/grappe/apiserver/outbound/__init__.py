"""The API server's own calls: admission and conversion webhooks, extension API servers.

HTTPS to an address or a Service, over connections that are kept and reused, with a deadline and a
bound for every answer. Must never read a proxy from the environment, follow a redirect, nor
verify less than it was told to.
"""
