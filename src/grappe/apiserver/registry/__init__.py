"""The REST registry: what each path serves and the rules of reading and writing objects.

`interface` is the vocabulary shared with authentication, admission, discovery and custom
resources; `routing` turns a request into a RequestInfo; one module for each verb. Keeps no
object in memory: the store's records are the only state, besides allocators rebuilt from it.
Must never skip admission on a write, nor answer one before the store's commit.
"""
