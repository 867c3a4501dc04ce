"""A registry that holds one image and speaks as much of the OCI distribution protocol as a pull
needs: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import tarfile
from typing import NamedTuple


class _Blob(NamedTuple):
    content: bytes
    type: str = "application/octet-stream"


class Registry:
    """Serves the image of an OCI archive as `repository:tag` on a free port of 127.0.0.1, in the
    namespace of whoever starts it. With `user` and `password` it asks everybody for them."""

    def __init__(
        self, archive: bytes, repository: str, tag: str, *, user: str = "", password: str = ""
    ) -> None:
        self._blobs: dict[str, _Blob] = {}
        self._repository = repository
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._wanted = f"Basic {token}" if user else ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.asked: list[tuple[str, int]] = []
        """(path, status) of every request."""
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in files.getmembers():
                found = files.extractfile(member)
                if found is not None and member.name.startswith("blobs/sha256/"):
                    content = found.read()
                    self._blobs[f"sha256:{hashlib.sha256(content).hexdigest()}"] = _Blob(content)
            index = files.extractfile("index.json")
            assert index is not None
            [described] = json.load(index)["manifests"]
        manifest = self._blobs[described["digest"]].content
        self._manifests = dict.fromkeys(
            (tag, described["digest"]), _Blob(manifest, described["mediaType"])
        )

    async def start(self) -> str:
        """Its address, as image references name it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                fields = dict(line.split(": ", 1) for line in head[1:] if line)
                named = {name.lower(): value for name, value in fields.items()}
                status, blob = self._answer(path, named.get("authorization", ""))
                self.asked.append((path, status))
                digest = hashlib.sha256(blob.content).hexdigest()
                lines = [
                    f"HTTP/1.1 {status} .",
                    f"Content-Length: {len(blob.content)}",
                    f"Content-Type: {blob.type}",
                    f"Docker-Content-Digest: sha256:{digest}",
                ]
                if status == 401:
                    lines.append('WWW-Authenticate: Basic realm="registry"')
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
                if method != "HEAD":
                    writer.write(blob.content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, path: str, authorization: str) -> tuple[int, _Blob]:
        if self._wanted and authorization != self._wanted:
            return 401, _error("UNAUTHORIZED", "authentication required")
        path = path.partition("?")[0]
        if path == "/v2/":
            return 200, _Blob(b"{}", "application/json")
        kind, _, reference = path.removeprefix(f"/v2/{self._repository}/").partition("/")
        known = {"manifests": self._manifests, "blobs": self._blobs}.get(kind, {})
        found = known.get(reference)
        return (200, found) if found else (404, _error("MANIFEST_UNKNOWN", "manifest unknown"))


def _error(code: str, message: str) -> _Blob:
    text = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return _Blob(text, "application/json")
