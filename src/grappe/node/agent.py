"""The agent of one node: everything it runs, wired together.

`run` returns only by being cancelled; containers go on running then, and the next agent finds them.
"""

from __future__ import annotations

import asyncio
import logging

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import SECRETS, SERVICES
from grappe.base.clock import Clock
from grappe.client.informer import Informer
from grappe.client.interface import Client, TransportError
from grappe.node import machine as machines
from grappe.node.logs.rotation import rotate_forever
from grappe.node.pods.context import NodeContext
from grappe.node.pods.dns import parse_resolv_conf
from grappe.node.pods.images import Images
from grappe.node.pods.manager import PodManager
from grappe.node.references import References
from grappe.node.registration import Registration, allocatable
from grappe.node.runtime.config import Dns
from grappe.node.runtime.interface import Runtime
from grappe.node.server import KubeletServer
from grappe.node.settings import NodeSettings
from grappe.node.volumes.mounter import Mounter
from grappe.node.volumes.tokens import Tokens
from grappe.reconcile.events import Recorder

log = logging.getLogger("grappe.node")


def _node_dns(settings: NodeSettings) -> Dns:
    try:
        return parse_resolv_conf(settings.resolv_conf.read_text())
    except OSError:
        return Dns()


async def run(client: Client, settings: NodeSettings, runtime: Runtime, clock: Clock) -> None:
    """Run the node until cancelled. Raises UserError when the runtime cannot be started."""
    settings.directory.mkdir(parents=True, exist_ok=True)
    await runtime.start()
    machine = machines.inspect(settings.directory)
    room = allocatable(machine, settings)
    recorder = Recorder(client, "kubelet", settings.node_name, clock=clock)

    async def pull_secrets(pod: Object) -> list[Object]:
        found = []
        for entry in pod["spec"].get("imagePullSecrets") or ():
            try:
                found.append(await client.get(SECRETS, entry["name"], pod["metadata"]["namespace"]))
            except (ApiError, TransportError) as error:
                text = f"Unable to retrieve some image pull secrets ({entry['name']}): {error}"
                recorder.event(pod, "Warning", "FailedToRetrieveImagePullSecret", text)
        return found

    references = References(client, lambda uid: manager.references_changed(uid))
    services = Informer(client, SERVICES)
    context = NodeContext(
        client=client,
        runtime=runtime,
        settings=settings,
        clock=clock,
        recorder=recorder,
        machine=machine,
        images=Images(runtime, clock, pull_secrets),
        mounter=Mounter(settings, references, Tokens(client, clock), lambda: room),
        references=references,
        services=services.list,
        allocatable=room,
        node_dns=_node_dns(settings),
        runtime_name=(await runtime.version()).name,
    )
    manager = PodManager(context)
    server = KubeletServer(context, manager)
    try:
        port = await server.start()
        registration = Registration(client, settings, machine, runtime, clock, port)
        async with asyncio.TaskGroup() as group:
            group.create_task(services.run(), name="informer services")
            await services.synced.wait()
            group.create_task(manager.run(), name="pods")
            await registration.register()
            log.info("node %s is registered", settings.node_name)
            group.create_task(registration.run(), name="heartbeat")
            group.create_task(rotate_forever(runtime), name="log rotation")
            group.create_task(server.renew_forever(), name="serving certificate")
    finally:
        await server.close()
        await references.close()
        await runtime.close()
