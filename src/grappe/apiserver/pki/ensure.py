"""Brings a cluster's keys, certificates and kubeconfigs to what they should be."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grappe.apiserver.pki.files import Ledger, Pki, write_private
from grappe.apiserver.pki.kubeconfig import write_kubeconfig
from grappe.base.config import CLUSTER_DOMAIN, ClusterConfig
from grappe.base.errors import UserError

_LEAF_SECONDS = 365 * 86400  # authority.LEAF_DAYS, without importing cryptography


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One certificate a cluster has."""

    name: str
    common_name: str
    organizations: tuple[str, ...] = ()
    sans: tuple[str, ...] = ()
    """Of a server's certificate; empty for a client's."""


def ensure(config: ClusterConfig) -> Pki:
    """Make what is missing, renew what ends soon, leave the rest alone.

    Safe to call at every start, by several processes at once, and after a crash at any point.
    """
    pki = Pki(config.pki_dir)
    with _alone(config.pki_dir):
        _ensure_ca(pki, config.name)
        if not pki.service_account_key.exists():
            from grappe.apiserver.pki.authority import new_key

            write_private(pki.service_account_key, new_key())
        _ensure_leaves(pki, config)
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


def _ensure_ca(pki: Pki, cluster: str) -> None:
    """The key is written first: a certificate without its key is damage, not a crash."""
    certificate, key = pki.certificate("ca"), pki.key("ca")
    if certificate.exists() and key.exists():
        return
    if certificate.exists():
        raise UserError(
            f"{key} is missing, but {certificate} is there",
            f"restore it from a backup, or remove {pki.directory} to get a new authority"
            " (every kubeconfig and token of the cluster ends)",
        )
    from grappe.apiserver.pki.authority import new_ca

    pair = new_ca(cluster)
    write_private(key, pair[1])
    write_private(certificate, pair[0])


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


def _ensure_leaves(pki: Pki, config: ClusterConfig) -> None:
    ledger = Ledger(pki)
    authority = hashlib.sha256(pki.ca_certificate.read_bytes()).hexdigest()
    for wanted in _wanted(config):
        facts: dict[str, Any] = {
            "ca": authority,
            "cn": wanted.common_name,
            "o": list(wanted.organizations),
            "sans": list(wanted.sans),
        }
        if ledger.good(wanted.name, facts):
            continue
        pair = (
            pki.issue_serving(wanted.common_name, wanted.sans, wanted.organizations)
            if wanted.sans
            else pki.issue_client(wanted.common_name, wanted.organizations)
        )
        ledger.keep(wanted.name, facts, pair, time.time() + _LEAF_SECONDS)


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
