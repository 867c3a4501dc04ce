"""A real API server in the test's own process: no mocks, no sockets unless asked for.

    async def test_something(cluster: TestCluster) -> None:
        await cluster.client.create(CONFIG_MAPS, {...})

`running_cluster` is an async context manager; the `cluster` fixture of the test suite wraps it.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from grappe.api.resources import SERVICE_ACCOUNTS
from grappe.apiserver.http.messages import User
from grappe.apiserver.http.server import HttpServer, serve
from grappe.apiserver.pki import ensure, server_ssl_context
from grappe.apiserver.server import STORE_INDEXES, ApiServer
from grappe.assembly.inprocess import InProcessTransport
from grappe.base.clock import Clock, SystemClock
from grappe.base.config import ClusterConfig
from grappe.client.rest import RestClient
from grappe.store.interface import Store
from grappe.store.memory import MemoryStore

_DEFAULT_ACCOUNT = {"metadata": {"name": "default", "namespace": "default"}}
ADMIN = User("admin", ("system:masters", "system:authenticated"))


class TestCluster:
    """An ApiServer over a store. `client`, and `transport` under it, are the administrator's."""

    __test__ = False

    def __init__(self, config: ClusterConfig, store: Store, clock: Clock) -> None:
        self.config = config
        self.store = store
        self.clock = clock
        self.api = ApiServer(config, store, clock)
        self.transport = InProcessTransport(self.api.handle, ADMIN)
        self.client = RestClient(self.transport)
        self._http: HttpServer | None = None

    async def serve_https(self) -> Path:
        """Listen with TLS on a free loopback port; the path of the administrator's kubeconfig."""
        if self._http is None:
            tls = server_ssl_context(self.api.pki)
            self._http = await serve(self.api.handle, addresses=[("127.0.0.1", 0)], tls=tls)
            self.config = self.config.with_port(self._http.ports[0])
            ensure(self.config)
        return self.config.kubeconfig

    async def close(self) -> None:
        """Stop serving; the store stays open."""
        if self._http is not None:
            await self._http.close(grace=0.5)
        await self.client.close()
        await self.api.stop()

    def client_of(self, user: User) -> RestClient:
        """A client whose requests are made as `user`, within the process."""
        return RestClient(InProcessTransport(self.api.handle, user))


@asynccontextmanager
async def running_cluster(
    *,
    clock: Clock | None = None,
    store: Store | None = None,
    data_dir: Path | None = None,
) -> AsyncIterator[TestCluster]:
    """A started cluster with the objects every cluster has; nothing is left behind.

    No controllers run; the service account pods of `default` need is there all the same.
    """
    with tempfile.TemporaryDirectory(prefix="grappe-test-") as scratch:
        config = ClusterConfig("test", data_dir or Path(scratch), port=6443, simulate=1)
        kept = store or MemoryStore(STORE_INDEXES)
        cluster = TestCluster(config, kept, clock or SystemClock())
        await cluster.api.start()
        if cluster.store.get(SERVICE_ACCOUNTS.bucket, "default/default") is None:
            await cluster.client.create(SERVICE_ACCOUNTS, _DEFAULT_ACCOUNT)
        try:
            yield cluster
        finally:
            await cluster.close()
            if store is None:
                await kept.close()
