"""The yardstick: the least an HTTPS server on uvloop and httptools can do for a request.

    python -m bench.calibrator DATA_DIR

Same loop, same parser, same TLS settings and certificate as the real server; it parses each
request and answers with a fixed ConfigMap. Prints its port and runs until killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httptools
import uvloop

from grappe.apiserver import pki

_BODY = b'{"kind":"ConfigMap","apiVersion":"v1","data":{"k":"%b"}}' % (b"v" * 908)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class _Responder(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_ANSWER)  # type: ignore[attr-defined]


async def _serve(directory: Path) -> None:
    tls = pki.server_ssl_context(pki.Pki(directory / "pki"))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Responder, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
