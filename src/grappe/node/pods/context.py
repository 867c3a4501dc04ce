"""What all pod workers of a node share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from grappe.api import Object
from grappe.base.clock import Clock
from grappe.client.interface import Client
from grappe.node.machine import Machine
from grappe.node.pods.backoff import BackOff
from grappe.node.pods.images import Images
from grappe.node.references import References
from grappe.node.runtime.config import Dns
from grappe.node.runtime.interface import Runtime
from grappe.node.settings import NodeSettings
from grappe.node.volumes.mounter import Mounter
from grappe.reconcile.events import Recorder


@dataclass(slots=True)
class NodeContext:
    """`services` gives the services known now; `runtime_name` is the scheme of container ids."""

    client: Client
    runtime: Runtime
    settings: NodeSettings
    clock: Clock
    recorder: Recorder
    machine: Machine
    images: Images
    mounter: Mounter
    references: References
    services: Callable[[], Sequence[Object]]
    allocatable: Mapping[str, str]
    node_dns: Dns
    runtime_name: str
    backoff: BackOff = field(default_factory=BackOff)
