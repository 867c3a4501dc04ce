"""An OpenID provider of one's own, and the configuration that lets its users in."""

from __future__ import annotations

import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from grappe.apiserver.pki.authority import issue, new_ca


class Provider:
    """A small OpenID provider on a free port of loopback."""

    def __init__(self, directory: Path) -> None:
        now, day = time.time(), 86400.0
        self.ca, ca_key = new_ca("provider", now, day)
        pair = issue(
            (self.ca, ca_key),
            "provider",
            (),
            now=now,
            seconds=day,
            sans=["127.0.0.1"],
            server=True,
            client=False,
        )
        for name, content in zip(("tls.crt", "tls.key"), pair, strict=True):
            (directory / name).write_bytes(content)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.key_id = "first"
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = orjson.dumps(provider.pages().get(self.path))
                self.send_response(200)
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(directory / "tls.crt", directory / "tls.key")
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/realm"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def pages(self) -> dict[str, Any]:
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {
            "/realm/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
            },
            "/realm/keys": {"keys": [{**public, "kid": self.key_id}]},
        }

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": "grappe", "sub": "jane", "exp": now + 60, **claims}
        return jwt.encode(said, self.key, "ES256", headers={"kid": self.key_id})

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def configuration(provider: Provider) -> dict[str, Any]:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [
            {
                "issuer": {
                    "url": provider.url,
                    "certificateAuthority": provider.ca.decode(),
                    "audiences": ["grappe"],
                },
                "claimMappings": {
                    "username": {"claim": "sub", "prefix": "oidc:"},
                    "groups": {"claim": "groups", "prefix": "oidc:"},
                },
            }
        ],
        "anonymous": {"enabled": True, "conditions": [{"path": "/livez"}]},
    }
