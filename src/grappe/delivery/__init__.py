"""GitOps: Argo CD Applications. Sources in, diff against live objects, sync, health.
A platform feature: knows only the Kubernetes API; must never import a server package.
"""
