"""What every controller of the process shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grappe.base.clock import Clock
from grappe.client.interface import Client
from grappe.controllers.everything import Everything
from grappe.controllers.informers import SharedInformers
from grappe.reconcile.events import Recorder


@dataclass(frozen=True, slots=True)
class Context:
    """`root_ca` gives the PEM certificates pods trust the API server by; "" for none."""

    client: Client
    clock: Clock
    informers: SharedInformers
    everything: Everything
    root_ca: Callable[[], str]

    def recorder(self, component: str) -> Recorder:
        """Events of one controller, named as in kube-controller-manager."""
        return Recorder(self.client, component, clock=self.clock)
