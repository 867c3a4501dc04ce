"""The control loops of Kubernetes itself, one folder or module for each. They know only the
Client and the reconcile package; never each other, the server or the store.

Each is written *look → decide → act → report*: `look` reads informers into a frozen World,
`decide` is a plain function of World and time, `act` writes, `report` writes status and events.
A small one is a single module with the same parts. What they share:

    runner.py       starts them all, over one set of informers
    informers.py    one watch for each resource
    own_writes.py   what we wrote and the informers do not show yet
    claims.py, pods.py, pod_control.py, statuses.py, watching.py
"""

from grappe.controllers.runner import run

__all__ = ["run"]
