"""The control loops of Kubernetes itself, one folder or module for each. They know only the
Client and the reconcile package; never each other, the server or the store.
"""
