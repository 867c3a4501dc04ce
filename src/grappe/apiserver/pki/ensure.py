"""Brings a cluster's keys, certificates and kubeconfigs to what they should be."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grappe.apiserver.pki.files import Ledger, Pki, write_private
from grappe.apiserver.pki.kubeconfig import write_kubeconfig
from grappe.apiserver.pki.rotation import Lifetimes, next_step
from grappe.base.clock import Clock, SystemClock
from grappe.base.config import CLUSTER_DOMAIN, ClusterConfig
from grappe.base.errors import UserError


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One certificate a cluster has."""

    name: str
    common_name: str
    organizations: tuple[str, ...] = ()
    sans: tuple[str, ...] = ()
    """Of a server's certificate; empty for a client's."""


def ensure(
    config: ClusterConfig, clock: Clock | None = None, lives: Lifetimes | None = None
) -> Pki:
    """Make what is missing, renew what ends soon, leave the rest alone.

    Safe to call at every start and then now and again, by several processes at once, and after a
    crash at any point. The service-account key is never changed: tokens end by themselves.
    """
    pki = Pki(config.pki_dir)
    now = (clock or SystemClock()).now()
    lives = lives or Lifetimes()
    with _alone(config.pki_dir):
        ledger = Ledger(pki)
        _ensure_authority(pki, ledger, config.name, now, lives)
        if not pki.service_account_key.exists():
            from grappe.apiserver.pki.authority import new_key

            write_private(pki.service_account_key, new_key())
        _ensure_leaves(pki, ledger, config, now, lives)
        _ensure_kubeconfigs(pki, config)
    return pki


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One process at a time."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(
            f"cannot write in {directory}: {error.strerror}", "check the --data-dir"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _ensure_authority(pki: Pki, ledger: Ledger, cluster: str, now: float, lives: Lifetimes) -> None:
    """The authority that signs, and the next one when it is time (rotation.py).

    A key is written before its certificate: a certificate without its key is damage, not a crash.
    """
    certificate, key = pki.certificate("ca"), pki.key("ca")
    _finish_switch(pki)
    if certificate.exists() and not key.exists():
        raise UserError(
            f"{key} is missing, but {certificate} is there",
            f"restore it from a backup, or remove {pki.directory} to get a new authority"
            " (every kubeconfig and token of the cluster ends)",
        )
    if not certificate.exists():
        from grappe.apiserver.pki.authority import new_ca

        pair = new_ca(f"grappe-{cluster}-ca", now, lives.authority)
        write_private(key, pair[1])
        write_private(certificate, pair[0])
    while True:
        coming = pki.certificate("ca-next")
        coming_ends = ledger.end_of("ca-next", coming.read_bytes()) if coming.exists() else None
        ends = ledger.end_of("ca", pki.authorities()[0])
        match next_step(now, ends, coming_ends, lives):
            case "keep":
                return
            case "prepare":
                _prepare_next(pki, cluster, now, lives)
            case "switch":
                others = [a for a in pki.authorities() if a != coming.read_bytes()]
                write_private(certificate, b"".join((coming.read_bytes(), *_alive(others, now))))
                _finish_switch(pki)


def _prepare_next(pki: Pki, cluster: str, now: float, lives: Lifetimes) -> None:
    """Make the next authority and let everybody trust it."""
    from grappe.apiserver.pki.authority import new_ca

    pair = new_ca(f"grappe-{cluster}-ca@{int(now)}", now, lives.authority)
    write_private(pki.key("ca-next"), pair[1])
    # Published first: it must never be there to sign without being trusted.
    write_private(pki.certificate("ca"), b"".join((*pki.authorities(), pair[0])))
    write_private(pki.certificate("ca-next"), pair[0])


def _finish_switch(pki: Pki) -> None:
    """The next authority's key becomes the signing one, once its certificate is the first."""
    coming = pki.certificate("ca-next")
    if coming.exists() and pki.authorities()[:1] == [coming.read_bytes()]:
        if pki.key("ca-next").exists():
            os.replace(pki.key("ca-next"), pki.key("ca"))
        coming.unlink()


def _alive(certificates: list[bytes], now: float) -> list[bytes]:
    from grappe.apiserver.pki.authority import ends

    return [certificate for certificate in certificates if ends(certificate) > now]


def _wanted(config: ClusterConfig) -> list[_Wanted]:
    node_user = f"system:node:{config.node_name}"
    node_groups: tuple[str, ...] = ("system:nodes", "grappe:node-network")
    if config.simulate:
        node_user, node_groups = (
            "grappe:simulated-nodes",
            (
                "system:nodes",
                "grappe:simulated-nodes",
            ),
        )
    service = ("kubernetes", "default", "svc", *CLUSTER_DOMAIN.split("."))
    return [
        _Wanted(
            "apiserver",
            "kube-apiserver",
            sans=(
                "localhost",
                *(".".join(service[:n]) for n in (1, 2, 3, len(service))),
                "127.0.0.1",
                "::1",
                config.api_service_ip,
                config.host_ip,
            ),
        ),
        _Wanted("kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",)),
        _Wanted(
            "kubelet",
            f"system:node:{config.node_name}",
            ("system:nodes",),
            tuple(dict.fromkeys((config.node_name, "localhost", "127.0.0.1", config.node_ip))),
        ),
        _Wanted("admin", "kubernetes-admin", ("system:masters",)),
        _Wanted("node", node_user, node_groups),
        _Wanted("platform", "grappe:platform", ("grappe:platform",)),
    ]


def _ensure_leaves(
    pki: Pki, ledger: Ledger, config: ClusterConfig, now: float, lives: Lifetimes
) -> None:
    certificate = pki.authorities()[0]
    authority = hashlib.sha256(certificate).hexdigest()
    ends = min(now + lives.leaf, ledger.end_of("ca", certificate))
    for wanted in _wanted(config):
        facts: dict[str, Any] = {
            "ca": authority,
            "cn": wanted.common_name,
            "o": list(wanted.organizations),
            "sans": list(wanted.sans),
        }
        if ledger.good(wanted.name, facts, now + lives.renew):
            continue
        name, groups, seconds = wanted.common_name, wanted.organizations, lives.leaf
        pair = (
            pki.issue_serving(name, wanted.sans, groups, now=now, seconds=seconds)
            if wanted.sans
            else pki.issue_client(name, groups, now=now, seconds=seconds)
        )
        ledger.keep(wanted.name, facts, pair, ends)


def _ensure_kubeconfigs(pki: Pki, config: ClusterConfig) -> None:
    """Processes on the host use the loopback address; the node, in its own network namespace,
    uses the host's end of the link."""
    local = f"https://127.0.0.1:{config.port}"
    from_node = local if config.simulate else f"https://{config.host_ip}:{config.port}"
    for user, path, server in (
        ("admin", config.kubeconfig, local),
        ("node", config.kubeconfig_of("node"), from_node),
        ("platform", config.kubeconfig_of("platform"), local),
    ):
        write_kubeconfig(
            path,
            server,
            pki.certificate(user).read_bytes(),
            pki.key(user).read_bytes(),
            f"grappe-{config.name}",
            ca=pki.ca_certificate.read_bytes(),
        )
