"""The server process: API, store, controllers and scheduler on one event loop.

`python -m grappe.assembly.server DATA_DIR`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
from pathlib import Path

from grappe.api.errors import ApiError
from grappe.apiserver import pki
from grappe.apiserver.encryption import sealer_of
from grappe.apiserver.http.messages import User
from grappe.apiserver.http.server import serve
from grappe.apiserver.server import STORE_INDEXES, ApiServer
from grappe.assembly.inprocess import InProcessTransport
from grappe.assembly.ports import choose_port
from grappe.base.clock import SystemClock
from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.base.logging import setup
from grappe.base.tasks import run_until_signalled
from grappe.client.rest import RestClient
from grappe.store.archive import Archive
from grappe.store.sqlite import SqliteStore

log = logging.getLogger("grappe.server")

CONTROLLERS = User("system:kube-controller-manager", ("system:masters", "system:authenticated"))
SCHEDULER = User("system:kube-scheduler", ("system:authenticated",))
_GC_THRESHOLDS = (50_000, 20, 100)
"""Measured: with few parsed objects alive, rare collections cost no memory and save time."""


async def run(config: ClusterConfig) -> None:
    """Serve the cluster until SIGTERM. A port of 0 is settled and saved."""
    if not config.port:
        config = config.with_port(choose_port(0))
        config.save()
    clock = SystemClock()
    archive = Archive(config.archive_dir, clock)
    # `grappe backup` asks by signal for what is not in the archive yet.
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, archive.hurry)
    keys = sealer_of(config.encryption_config)
    store = SqliteStore.open(config.database, STORE_INDEXES, sealing=keys, archive=archive)
    api = ApiServer(config, store, clock)
    await api.start()
    addresses = [("127.0.0.1", config.port)]
    if not config.simulate:
        addresses.append((config.host_ip, config.port))
    tls = pki.server_ssl_context(api.pki)
    http = await serve(api.handle, addresses=addresses, tls=tls, freebind=True)
    log.info("serving on %s", ", ".join(f"https://{h}:{config.port}" for h, _ in addresses))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        await run_until_signalled(
            {
                "controllers": _controllers(api, clock),
                "scheduler": _scheduler(api, clock),
                "archive": archive.run(),
                "certificates": pki.renew_forever(config, tls, api.authority_changed),
            }
        )
    finally:
        api.ending()
        await http.close()
        await api.stop()
        await store.close()


async def _controllers(api: ApiServer, clock: SystemClock) -> None:
    from grappe import controllers

    client = RestClient(InProcessTransport(api.handle, CONTROLLERS))
    await controllers.run(client, clock, root_ca=api.pki.ca_certificate.read_text)


async def _scheduler(api: ApiServer, clock: SystemClock) -> None:
    from grappe import scheduler

    client = RestClient(InProcessTransport(api.handle, SCHEDULER))
    await scheduler.run(client, clock)


def allow_open_files() -> None:
    """Raise the soft limit of open files to the hard one, as Go programs do: every watch is one,
    and a login shell's 1024 are few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    import uvloop

    setup()
    allow_open_files()
    try:
        uvloop.run(run(ClusterConfig.load(Path(sys.argv[1]))))
    except UserError as error:
        log.error("%s; %s", error.message, error.fix)
        sys.exit(1)
    except ApiError as error:  # what every cluster has cannot be made: the disk refuses
        log.error("cannot start: %s", error.message)
        sys.exit(1)


if __name__ == "__main__":
    main()
