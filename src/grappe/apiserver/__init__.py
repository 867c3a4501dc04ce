"""The Kubernetes API over HTTPS.

`http/` moves bytes, `auth/` says who asks and whether they may, `registry/` holds the objects'
rules over the store, `admission/` has the last word before a write. Must never import a client
or a controller: they come to it through the API like everybody else.
"""
