"""Free and taken TCP ports on 127.0.0.1."""

from __future__ import annotations

import errno
import socket

from grappe.base.errors import UserError

PREFERRED_PORT = 6443


def _try(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        bound: int = probe.getsockname()[1]
        return bound


def choose_port(wanted: int | None) -> int:
    """A port for the API server: the wanted one, any for 0, else 6443 if free, else any.

    Raises UserError when the wanted one is taken.
    """
    if wanted:
        require_free(wanted)
        return wanted
    if wanted is None:
        try:
            return _try(PREFERRED_PORT)
        except OSError:
            pass
    return _try(0)


def require_free(port: int) -> None:
    """UserError unless the port can be listened on."""
    try:
        _try(port)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise UserError(f"port {port} needs root", "choose a port above 1023") from None
        raise UserError(
            f"port {port} on 127.0.0.1 is taken by another program",
            f"see which one: ss -ltnp 'sport = :{port}'; or choose another: grappe up --port 0",
        ) from None
