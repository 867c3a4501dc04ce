"""Binds pods to nodes: snapshot in, bindings out. Decides purely; writes only bindings, pod
conditions and events. Never imports controllers or the server.
"""
