"""iproute2's `ip` as a subprocess: for the rare operations on links, addresses and routes.

A netlink library would stay resident in a process that needs it for milliseconds in its life.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Sequence
from typing import Any

from grappe.base import programs
from grappe.base.errors import GrappeError
from grappe.network import netns


class IpError(GrappeError):
    """`ip` refused a command; the text is its own."""


def _run(arguments: Sequence[str], stdin: str, fd: int | None) -> str:
    command = [programs.require("ip", "iproute2"), *arguments]
    with contextlib.nullcontext() if fd is None else netns.inside(fd):
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise IpError(done.stderr.strip() or f"ip {' '.join(arguments)}: exit {done.returncode}")
    return done.stdout


def batch(commands: Sequence[str], *, fd: int | None = None) -> None:
    """Run `ip` commands (without the word `ip`) in order, in the namespace `fd`.

    Stops at the first that fails and raises IpError with its message.
    """
    if commands:
        _run(["-batch", "-"], "\n".join(commands) + "\n", fd)


def attempt(command: str, *, fd: int | None = None) -> bool:
    """Run one command that may fail because there is nothing to do."""
    try:
        _run(command.split(), "", fd)
    except IpError:
        return False
    return True


def show(command: str, *, fd: int | None = None) -> list[dict[str, Any]]:
    """What `ip -json COMMAND` lists, for instance `show("-4 route show table all")`."""
    text = _run(["-json", *command.split()], "", fd)
    return [entry for entry in json.loads(text or "[]") if entry]
