"""One cluster on this machine: made, started, waited for, stopped, deleted.

Every step may be interrupted and called again. What a step is doing is told through `say`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from grappe.assembly import probe, supervisor
from grappe.assembly.ports import choose_port, require_free
from grappe.base.config import ClusterConfig, default_data_dir
from grappe.base.errors import UserError

Say = Callable[[str], None]

_STOP_GRACE = 60.0
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


def check_name(name: str) -> None:
    """Cluster names become file, namespace and node names: UserError unless a DNS label."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot name a cluster",
            "use up to 32 lower-case letters, digits and '-', with a letter or digit at both ends",
        )


def data_dir_of(name: str) -> Path:
    """The cluster's directory: the default one, or where its link there points."""
    return default_data_dir(name).resolve()


def load(name: str) -> ClusterConfig:
    """The cluster of that name; UserError when there is none."""
    check_name(name)
    try:
        return ClusterConfig.load(data_dir_of(name))
    except UserError as error:
        if (data_dir_of(name) / "cluster.json").exists():
            raise error
        raise UserError(
            f"there is no cluster {name!r} on this machine", "run: grappe up" + _flag(name)
        ) from None


def exists(name: str) -> bool:
    """Whether there is a cluster of that name, running or not."""
    return (data_dir_of(name) / "cluster.json").exists()


def names() -> list[str]:
    """Every cluster of this user on this machine."""
    parent = default_data_dir("x").parent
    if not parent.is_dir():
        return []
    return sorted(p.name for p in parent.iterdir() if (p / "cluster.json").exists())


def _flag(name: str) -> str:
    return "" if name == "default" else f" --cluster {name}"


def create(name: str, data_dir: Path | None, port: int | None, simulate: int) -> ClusterConfig:
    """Settle a new cluster's facts and write them down; nothing runs yet."""
    check_name(name)
    usual = default_data_dir(name)
    where = data_dir.resolve() if data_dir else usual
    config = ClusterConfig(
        name=name, data_dir=where, port=choose_port(port), simulate=simulate, slot=0
    )
    if not simulate:
        from grappe.network.namespace import free_slot

        config = replace(config, slot=free_slot(name))
    adopt(config)
    return config


def adopt(config: ClusterConfig) -> None:
    """Write down a cluster's facts in its directory, and where that is."""
    claim(config)
    register(config)


def claim(config: ClusterConfig) -> None:
    """See that the cluster can be kept in its directory, and make that; there is none yet."""
    with _kept_in(config.data_dir):
        _require_ours(config.data_dir, config.name)
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)


def register(config: ClusterConfig) -> None:
    """From now on there is this cluster, in the directory it has claimed."""
    where, usual = config.data_dir, default_data_dir(config.name)
    with _kept_in(where):
        config.save()
        if where != usual:
            usual.parent.mkdir(parents=True, exist_ok=True)
            if usual.is_symlink():
                usual.unlink()
            usual.symlink_to(where)


@contextmanager
def _kept_in(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"nothing can be kept in {where}: {error.strerror}", "choose another: --data-dir DIR"
        ) from None


def _require_ours(data_dir: Path, name: str) -> None:
    """UserError unless the directory is free, or this cluster's, put back from a backup: `delete`
    removes all that is in it."""
    left = {"cluster.tmp"}  # of an `up` that was killed
    if not data_dir.is_dir() or {entry.name for entry in data_dir.iterdir()} <= left:
        return
    try:
        holder = ClusterConfig.load(data_dir).name
    except UserError:
        raise UserError(
            f"{data_dir} is not empty, and what is in it is no cluster",
            "name a directory that is empty or not there yet: --data-dir DIR",
        ) from None
    if holder != name:
        raise UserError(
            f"{data_dir} holds the cluster {holder!r}", "choose another: --data-dir DIR"
        )


def settle(config: ClusterConfig, port: int | None, simulate: int | None) -> ClusterConfig:
    """An existing cluster started again, perhaps with another port; its nodes cannot change."""
    if simulate is not None and bool(simulate) != bool(config.simulate):
        raise UserError(
            f"cluster {config.name!r} was made with "
            + ("simulated nodes" if config.simulate else "a real node"),
            f"run: grappe delete{_flag(config.name)}, then grappe up; or use another --cluster",
        )
    settled = config
    if port is not None:
        settled = replace(settled, port=choose_port(port) if port != config.port else port)
    if simulate is not None:
        settled = replace(settled, simulate=simulate)
    require_free(settled.port)
    if settled != config:
        settled.save()
    return settled


def prepare(config: ClusterConfig) -> None:
    """Certificates and kubeconfigs: made on first use, renewed when they run out."""
    from grappe.apiserver import pki

    pki.ensure(config)


def start(config: ClusterConfig) -> None:
    """Start the cluster's processes, and make its certificates while they load.

    Whoever needs the certificates waits for them (`pki.ensure` holds a lock).
    """
    process = _start_supervisor(config)
    try:
        prepare(config)
    except BaseException:
        process.terminate()  # it may not have written its pid file yet
        process.wait()
        raise


def _start_supervisor(config: ClusterConfig) -> subprocess.Popen[bytes]:
    """In a session of its own; it starts everything else."""
    output = supervisor.open_log(config, "supervisor")
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "grappe.assembly.supervisor", str(config.data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(output)


def wait_for_api(config: ClusterConfig, timeout: float = 30.0) -> None:
    """Return once /readyz answers ok; UserError with the server's last words otherwise."""
    _wait(config, "server", lambda: probe.api_ready(config), timeout, "the API server")


def wait_for_nodes(config: ClusterConfig, timeout: float = 60.0) -> None:
    """Return once every node of the cluster is Ready."""
    expected = config.simulate or 1
    _wait(
        config,
        "node",
        lambda: sum(probe.ready_nodes(config).values()) >= expected,
        timeout,
        "the node",
    )


def _wait(
    config: ClusterConfig, role: str, done: Callable[[], bool], timeout: float, what: str
) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            words = last_words(config, role)
            raise UserError(
                f"{what} of cluster {config.name!r} is not ready after {timeout:.0f} s"
                + (f"; it said: {words}" if words else ""),
                f"run: grappe doctor{_flag(config.name)}, "
                f"or read: grappe logs {role}{_flag(config.name)}",
            )
        time.sleep(0.01)


def last_words(config: ClusterConfig, role: str) -> str:
    """The newest warning or error in a role's log."""
    try:
        lines = supervisor.log_path(config, role).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines[-200:]):
        if " E " in line or " W " in line or "Error" in line:
            return line
    return lines[-1] if lines else ""


def stop(config: ClusterConfig, say: Say) -> None:
    """Stop the processes and the containers; data and images stay."""
    _stop_processes(config, say)
    if not config.simulate and os.geteuid() == 0:
        from grappe.assembly.node import stop_node

        say("stopping the containers")
        stop_node(config)


def _stop_processes(config: ClusterConfig, say: Say, grace: float = _STOP_GRACE) -> None:
    """The supervisor ends the others; those that are left are ended one by one."""
    if process := supervisor.running(config):
        say("stopping the control plane")
        process.stop(grace)
    for role in reversed(supervisor.ROLES):
        if orphan := supervisor.running(config, role):
            orphan.stop(grace)


def delete(config: ClusterConfig, say: Say) -> None:
    """Remove the cluster and every trace of it on this machine."""
    if not config.simulate and os.geteuid() != 0:
        raise UserError(f"cluster {config.name!r} has a real node", "run grappe delete as root")
    # What is to be removed need not end in good order.
    _stop_processes(config, say, grace=0.0)
    if not config.simulate:
        from grappe.assembly.node import delete_node

        delete_node(config, say)
    say("removing the data")
    usual = default_data_dir(config.name)
    _remove(config.data_dir)
    if usual.is_symlink():
        usual.unlink()
    if usual.parent.is_dir() and not any(usual.parent.iterdir()):
        usual.parent.rmdir()


def _remove(data_dir: Path) -> None:
    """`cluster.json` last, so that a deletion that was cut off can be asked for again."""
    for entry in data_dir.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != "cluster.json":
            entry.unlink()
    shutil.rmtree(data_dir)


def run_in_foreground(config: ClusterConfig) -> None:
    """Become the supervisor; returns when stopped by a signal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.argv[1:] = [str(config.data_dir)]
    supervisor.main()
