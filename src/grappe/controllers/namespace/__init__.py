"""Namespace: empties a namespace that is being deleted, then lets it go.

watches        namespaces, and the metadata of everything (to know when content is gone)
owns           the finalizer `kubernetes` in a Namespace's spec
writes         deletes every object of the namespace; namespaces/status, namespaces/finalize
never touches  namespaces that are not being deleted

https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
"""
