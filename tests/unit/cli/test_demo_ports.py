"""Which port of localhost the demo takes."""

from __future__ import annotations

import socket

import pytest

from grappe.base.errors import UserError
from grappe.cli.demo import ports
from grappe.cli.demo.ports import free_node_port


def test_a_port_that_somebody_holds_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "LAST_NODE_PORT", 65535)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert taken < free_node_port(taken) <= 65535


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        monkeypatch.setattr(ports, "LAST_NODE_PORT", taken)
        with pytest.raises(UserError, match="is taken"):
            free_node_port(taken)
