"""Revisioned storage: every write gets the next revision, is on disk before it is answered,
and can be watched.

Knows buckets, keys, revisions and bytes; nothing of Kubernetes' rules. Only `apiserver` and
`assembly` may import it. Must never answer a write that a crash could lose.
"""
