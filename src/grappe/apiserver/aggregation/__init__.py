"""Aggregated APIs: group versions that another server answers, named by APIService objects.

`services` follows them, `availability` keeps their condition true, `proxying` passes requests on,
`discovery` merges what they say of themselves, `local` names what this server answers itself.
Must cost requests for resources of our own nothing, and never pass on a credential of the client.
https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
"""
