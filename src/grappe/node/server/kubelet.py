"""The kubelet's paths (https://kubernetes.io/docs/reference/node/kubelet-files/ and the API
server's proxy): which pod and container is meant, and who answers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from grappe.base.errors import UserError
from grappe.node.logs.entries import BadQuery, LogQuery
from grappe.node.logs.reader import read
from grappe.node.pods import spec
from grappe.node.pods.context import NodeContext
from grappe.node.pods.manager import PodManager
from grappe.node.pods.worker import PodWorker
from grappe.node.runtime.interface import ContainerStatus, RuntimeFault, Session
from grappe.node.server import channels, portforward, spdy_session, stats
from grappe.node.server.http import Refused, Request, Server, path_parts

log = logging.getLogger("grappe.node.server")

SessionMaker = Callable[[], Awaitable[Session]]
_RENEW_SECONDS = 600.0
CLIENTS = frozenset({"kube-apiserver-kubelet-client"})


class KubeletServer:
    """Answers for the pods of one manager."""

    def __init__(self, context: NodeContext, manager: PodManager) -> None:
        self._node = context
        self._manager = manager
        self._server = Server(self.handle, CLIENTS)
        self._tls: ssl.SSLContext | None = None
        self._used: list[float] = []

    async def start(self) -> int:
        """The port listened on; 0 when there is no serving certificate and so no server."""
        settings = self._node.settings
        self._used = self._written()
        tls = server_context(settings.serving_certificate, settings.serving_key, settings.client_ca)
        self._tls = tls
        if tls is None:
            return 0
        try:
            return await self._server.start(settings.kubelet_address, settings.kubelet_port, tls)
        except OSError as error:
            raise UserError(
                f"the node cannot listen on {settings.kubelet_address}:{settings.kubelet_port}: "
                f"{error.strerror}",
                "see what listens there: ss -ltnp",
            ) from error

    async def renew_forever(self) -> None:
        """Use a renewed serving certificate, and trust a new authority, for new connections and
        without a restart."""
        settings = self._node.settings
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            now = self._written()
            if self._tls is None or settings.serving_certificate is None or now == self._used:
                continue
            try:
                self._tls.load_cert_chain(settings.serving_certificate, settings.serving_key)
                if settings.client_ca is not None:
                    self._tls.load_verify_locations(settings.client_ca)
                self._used = now
            except (OSError, ssl.SSLError) as error:
                log.warning("the renewed serving certificate cannot be used yet: %s", error)

    def _written(self) -> list[float]:
        """When what we show and whom we trust was last written."""
        settings = self._node.settings
        return [_changed_at(path) for path in (settings.serving_certificate, settings.client_ca)]

    async def close(self) -> None:
        await self._server.close()

    async def handle(self, request: Request) -> None:
        """One request. Raises Refused."""
        match path_parts(request.path):
            case ["healthz"]:
                await request.answer(200, b"ok")
            case ["pods"]:
                pods = [worker.pod for worker in self._manager.workers.values()]
                body = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods}
                await request.answer(200, json.dumps(body).encode(), "application/json")
            case ["containerLogs", namespace, pod, container]:
                await self._logs(request, self._worker(namespace, pod), container)
            case ["exec", namespace, pod, container] | ["exec", namespace, pod, _, container]:
                await self._exec(request, self._worker(namespace, pod), container)
            case ["attach", namespace, pod, container] | ["attach", namespace, pod, _, container]:
                await self._attach(request, self._worker(namespace, pod), container)
            case ["portForward", namespace, pod] | ["portForward", namespace, pod, _]:
                await self._port_forward(request, self._worker(namespace, pod))
            case ["stats", "summary"]:
                body = await stats.summary(self._node, self._manager)
                await request.answer(200, json.dumps(body).encode(), "application/json")
            case ["metrics", "resource"]:
                text = await stats.resource_metrics(self._node)
                await request.answer(200, text.encode(), "text/plain; version=0.0.4")
            case _:
                raise Refused(404, "404 page not found\n")

    # -- whose
    def _worker(self, namespace: str, name: str) -> PodWorker:
        worker = self._manager.find(namespace, name)
        if worker is None:
            raise Refused(404, f'pod "{name}" does not exist')
        return worker

    def _instances(self, worker: PodWorker, name: str) -> tuple[ContainerStatus, ...]:
        if spec.find(worker.pod, name) is None:
            meta = worker.pod["metadata"]
            raise Refused(400, f"container {name} is not valid for pod {meta['name']}")
        return worker.last.containers.get(name, ()) if worker.last is not None else ()

    def _running(self, worker: PodWorker, name: str) -> ContainerStatus:
        instances = self._instances(worker, name)
        if not instances or instances[0].state != "running":
            raise Refused(500, f'unable to upgrade connection: container not found ("{name}")')
        return instances[0]

    # -- logs
    async def _logs(self, request: Request, worker: PodWorker, name: str) -> None:
        try:
            query = LogQuery.parse(dict(request.query), self._node.clock.now())
        except BadQuery as error:
            raise Refused(400, str(error)) from None
        instances = self._instances(worker, name)
        meta = worker.pod["metadata"]
        where = f'container "{name}" in pod "{meta["name"]}"'
        if query.previous:
            if len(instances) < 2:
                raise Refused(
                    400,
                    f"previous terminated {where} not found",
                )
            chosen = instances[1]
        else:
            if not instances or instances[0].state == "created":
                blocked = worker.last.blocked.get(name) if worker.last is not None else None
                why = blocked[0] if blocked else "ContainerCreating"
                raise Refused(400, f"{where} is waiting to start: {why}")
            chosen = instances[0]

        async def running() -> bool:
            try:
                status = await self._node.runtime.container_status(chosen.id)
            except (RuntimeFault, TimeoutError):
                return False
            return status.state == "running"

        path = Path(chosen.log_path)
        if not _ensure_log(path, ended=chosen.state == "exited"):
            raise Refused(400, f"the log of {where} has been removed")
        await request.stream(read(path, query, running))

    # -- exec and attach
    async def _exec(self, request: Request, worker: PodWorker, name: str) -> None:
        command = request.every("command")
        if not command:
            raise Refused(400, "you must specify at least 1 command for exec")
        container = self._running(worker, name)
        stdin, tty = _stdin_tty(request)
        await self._session(
            request,
            lambda: self._node.runtime.exec(container.id, command, stdin=stdin, tty=tty),
        )

    async def _attach(self, request: Request, worker: PodWorker, name: str) -> None:
        container = self._running(worker, name)
        stdin, tty = _stdin_tty(request)
        declared = spec.find(worker.pod, name)
        # A terminal is the container's own property; so is whether it reads at all.
        tty = bool(declared is not None and declared.spec.get("tty"))
        stdin = stdin and bool(declared is not None and declared.spec.get("stdin"))
        await self._session(
            request, lambda: self._node.runtime.attach(container.id, stdin=stdin, tty=tty)
        )

    async def _session(self, request: Request, begin: SessionMaker) -> None:
        if request.wants_spdy:
            connection, protocol = await request.accept_spdy(spdy_session.PROTOCOLS)
            await spdy_session.serve(connection, protocol, _channels(request, protocol), begin)
            return
        if not request.wants_websocket:
            raise Refused(400, "Upgrade request required")
        socket, _ = await request.accept(channels.PROTOCOLS)
        try:
            session = await begin()
        except (RuntimeFault, OSError, TimeoutError) as fault:
            await channels.send_status(socket, channels.failure(str(fault)))
            return
        await channels.serve(socket, session)

    # -- port-forward
    async def _port_forward(self, request: Request, worker: PodWorker) -> None:
        if not (request.wants_websocket or request.wants_spdy):
            raise Refused(400, "Upgrade request required")
        last = worker.last
        if last is None or last.current is None or not last.current.ready:
            raise Refused(500, "unable to do port forwarding: the pod is not running")
        sandbox = last.current.id
        pod = sandbox[:13] + ", uid : " + worker.uid

        async def dial(
            port: int,
        ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await self._node.runtime.dial(sandbox, port)

        if request.wants_spdy:
            connection, _ = await request.accept_spdy((portforward.STREAMS,))
            await portforward.serve_streams(connection, pod, dial)
            return
        socket, protocol = await request.accept(portforward.PROTOCOLS)
        if protocol == portforward.TUNNEL:
            await portforward.serve_tunnel(socket, pod, dial)
            return
        texts = [
            t
            for value in (*request.every("port"), *request.every("ports"))
            for t in value.split(",")
        ]
        ports = [int(text) for text in texts if text.isdigit() and 0 < int(text) < 65536]
        if not ports:
            await socket.close(1008, "query parameter port is required")
            return
        await portforward.serve_channels(socket, ports, pod, dial)


def _changed_at(path: Path | None) -> float:
    try:
        return path.stat().st_mtime if path is not None else 0.0
    except OSError:
        return 0.0


def _ensure_log(path: Path, *, ended: bool) -> bool:
    """A container that has just started may not have its log file yet; one that has ended and has
    none never gets it."""
    if path.is_file():
        return True
    if ended:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return True


def _stdin_tty(request: Request) -> tuple[bool, bool]:
    stdin = request.flag("input") or request.flag("stdin")
    return stdin, request.flag("tty")


def _channels(request: Request, protocol: str) -> frozenset[str]:
    """The streams a client opens: a terminal has one output, and a size."""
    stdin, tty = _stdin_tty(request)
    found = {
        "error": True,
        "stdin": stdin,
        "stdout": request.flag("output") or request.flag("stdout"),
        "stderr": (request.flag("error") or request.flag("stderr")) and not tty,
        "resize": tty and protocol in spdy_session.WITH_SIZES,
    }
    return frozenset(name for name, opened in found.items() if opened)


def server_context(
    certificate: Path | None, key: Path | None, client_ca: Path | None
) -> ssl.SSLContext | None:
    """TLS that asks for a client certificate of the cluster's CA; None without a certificate."""
    if certificate is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
