"""Ground floor: clock, errors, logging, tasks, configuration.

Knows nothing of Kubernetes and must never import another grappe package.
"""
