"""Ground floor: clock, errors, logging, tasks, configuration, the programs of the machine.

Knows nothing of Kubernetes and must never import another grappe package.
"""
