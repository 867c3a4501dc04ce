"""One gRPC connection to containerd; its failures become RuntimeFaults."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from grappe.node.runtime.containerd.messages import method
from grappe.node.runtime.interface import NotFound, RuntimeFault, Unavailable

_MESSAGE_LIMIT = 32 << 20
_NOT_YET = "not initialized yet"
"""What containerd answers in the moment between opening its socket and being ready."""


class Connection:
    """Calls by service and method name: `await call("RuntimeService", "Version", request)`."""

    def __init__(self, socket: Path) -> None:
        # grpc's own threads never matter to the programs we start, which exec at once.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
        import grpc
        import grpc.aio

        self._grpc = grpc
        self._channel = grpc.aio.insecure_channel(
            f"unix:{socket}",
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.min_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.enable_http_proxy", 0),
                ("grpc.enable_retries", 0),
            ],
        )
        self._stubs: dict[tuple[str, str], Any] = {}

    async def call(
        self, service: str, name: str, request: Any, *, timeout: float | None = 120.0
    ) -> Any:
        """One unary call; raises NotFound, Unavailable, TimeoutError or RuntimeFault."""
        stub = self._stubs.get((service, name))
        if stub is None:
            known = method(service, name)
            stub = self._channel.unary_unary(
                known.path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=known.answer.FromString,
            )
            self._stubs[service, name] = stub
        while True:
            try:
                return await stub(request, timeout=timeout)
            except self._grpc.aio.AioRpcError as error:
                if _NOT_YET not in (error.details() or ""):
                    raise self._fault(error) from None
            await asyncio.sleep(0.02)

    async def stream(self, service: str, name: str, request: Any) -> AsyncIterator[Any]:
        """One call with a stream of answers."""
        known = method(service, name)
        stub = self._channel.unary_stream(
            known.path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=known.answer.FromString,
        )
        answers = stub(request)
        try:
            async for answer in answers:
                yield answer
        except self._grpc.aio.AioRpcError as error:
            raise self._fault(error) from None
        finally:
            answers.cancel()

    async def close(self) -> None:
        await self._channel.close(None)

    def _fault(self, error: Any) -> Exception:
        code, details = error.code(), error.details() or "no details"
        codes = self._grpc.StatusCode
        if code is codes.NOT_FOUND:
            return NotFound(details)
        if code is codes.UNAVAILABLE:
            return Unavailable(f"containerd does not answer: {details}")
        if code is codes.DEADLINE_EXCEEDED:
            return TimeoutError(details)
        return RuntimeFault(details)
