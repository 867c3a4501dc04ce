"""Starts every controller over one set of informers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from grappe.base.clock import Clock, SystemClock
from grappe.client.interface import Client
from grappe.controllers import (
    bootstrapsigner,
    csrcleaner,
    disruption,
    endpointslicemirroring,
    inuse,
    podgc,
    rootca,
    serviceaccount,
    tainteviction,
    tokencleaner,
    ttlafterfinished,
)
from grappe.controllers.context import Context
from grappe.controllers.cronjob import controller as cronjob
from grappe.controllers.daemonset import controller as daemonset
from grappe.controllers.deployment import controller as deployment
from grappe.controllers.endpoints import controller as endpoints
from grappe.controllers.endpointslice import controller as endpointslice
from grappe.controllers.everything import Everything
from grappe.controllers.garbagecollector import controller as garbagecollector
from grappe.controllers.informers import SharedInformers
from grappe.controllers.job import controller as job
from grappe.controllers.namespace import controller as namespace
from grappe.controllers.nodelifecycle import controller as nodelifecycle
from grappe.controllers.replicaset import controller as replicaset
from grappe.controllers.statefulset import controller as statefulset
from grappe.reconcile import Controller

BUILDERS: tuple[Callable[[Context], Controller], ...] = (
    bootstrapsigner.build,
    cronjob.build,
    csrcleaner.build,
    daemonset.build,
    deployment.build,
    disruption.build,
    endpoints.build,
    endpointslice.build,
    endpointslicemirroring.build,
    garbagecollector.build,
    inuse.build_claims,
    inuse.build_volumes,
    inuse.build_classes,
    job.build,
    namespace.build,
    nodelifecycle.build,
    podgc.build,
    replicaset.build,
    replicaset.build_replication_controller,
    rootca.build,
    serviceaccount.build,
    statefulset.build,
    tainteviction.build,
    tokencleaner.build,
    ttlafterfinished.build,
)


async def run(
    client: Client, clock: Clock | None = None, *, root_ca: Callable[[], str] = str
) -> None:
    """Run all controllers until cancelled.

    `root_ca` gives the PEM certificates that pods are to trust the API server by; without any no
    `kube-root-ca.crt` ConfigMaps are published.
    """
    informers = SharedInformers(client)
    everything = Everything(client, informers)
    context = Context(client, clock or SystemClock(), informers, everything, root_ca)
    controllers = [build(context) for build in BUILDERS]
    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run(), name="informers")
        await informers.synced()
        group.create_task(everything.run(), name="everything")
        for controller in controllers:
            group.create_task(controller.run(), name=controller.name)
