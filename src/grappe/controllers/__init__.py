"""The control loops of Kubernetes itself, one folder or module for each. They know only the
Client and the reconcile package; never each other, the server or the store.

Each is written *look → decide → act → report*: `look` reads informers into a frozen World,
`decide` is a plain function of World and time, `act` writes, `report` writes status and events.
A small one is a single module with the same parts. What they share:

    runner.py       starts them all, over one set of informers; context.py is what they are given
    informers.py    one watch for each resource; everything.py watches the metadata of all
    own_writes.py   what we wrote and the informers do not show yet
    claims.py       adoption and release of what an owner's selector matches
    pods.py, pod_control.py, templates.py                pods and their templates
    revisions.py, revision_control.py                    earlier templates, for rollbacks
    service_pods.py                                      the pods behind a Service
    discovery.py, statuses.py, watching.py
"""

from grappe.controllers.runner import run

__all__ = ["run"]
