import os
import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from grappe.apiserver.http.peer import certificate_of
from grappe.apiserver.pki import (
    Lifetimes,
    Pki,
    ensure,
    kubelet_client_context,
    server_ssl_context,
)
from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError


@pytest.fixture
def config(tmp_path: Path) -> ClusterConfig:
    return ClusterConfig("test", tmp_path / "data", 6443)


def state(directory: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()
    }


def handshake(
    pki: Pki, client: ssl.SSLContext, server_name: str
) -> tuple[str, tuple[str, ...]] | None:
    """Who the server takes the client for."""
    ours, theirs = socket.socketpair()
    found: list[tuple[str, tuple[str, ...]] | None] = []

    def serve() -> None:
        with server_ssl_context(pki).wrap_socket(ours, server_side=True) as connection:
            connection.recv(1)
            found.append(certificate_of(connection))
            connection.send(b"!")

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(theirs, server_hostname=server_name) as connection:
        connection.send(b"?")
        connection.recv(1)
    thread.join()
    return found[0]


def client_context(pki: Pki, name: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki.ca_certificate))
    if name:
        context.load_cert_chain(pki.certificate(name), pki.key(name))
    return context


@pytest.mark.parametrize(
    ("name", "user", "groups"),
    [
        ("admin", "kubernetes-admin", ("system:masters",)),
        ("node", "system:node:grappe-test", ("system:nodes", "grappe:node-network")),
        ("platform", "grappe:platform", ("grappe:platform",)),
        ("kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",)),
    ],
)
def test_the_server_knows_each_client_by_its_certificate(
    config: ClusterConfig, name: str, user: str, groups: tuple[str, ...]
) -> None:
    pki = ensure(config)
    assert handshake(pki, client_context(pki, name), "localhost") == (user, groups)


def test_a_client_without_certificate_is_served_too(config: ClusterConfig) -> None:
    pki = ensure(config)
    assert handshake(pki, client_context(pki), "127.0.0.1") is None


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "10.96.0.1",
        "10.95.0.1",
    ],
)
def test_the_server_proves_every_name_it_is_reached_by(config: ClusterConfig, name: str) -> None:
    pki = ensure(config)
    handshake(pki, client_context(pki), name)


def test_a_simulated_cluster_has_one_certificate_for_all_nodes(config: ClusterConfig) -> None:
    pki = ensure(replace(config, simulate=3))
    who = handshake(pki, client_context(pki, "node"), "localhost")
    assert who == ("grappe:simulated-nodes", ("system:nodes", "grappe:simulated-nodes"))


def test_a_second_start_changes_nothing_and_needs_no_cryptography(config: ClusterConfig) -> None:
    ensure(config)
    before = state(config.data_dir)
    program = (
        "import sys, pathlib\n"
        "from grappe.base.config import ClusterConfig\n"
        "from grappe.apiserver import pki\n"
        "config = ClusterConfig('test', pathlib.Path(sys.argv[1]), 6443)\n"
        "pki.server_ssl_context(pki.ensure(config))\n"
        "assert 'cryptography' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(config.data_dir)], check=True)
    assert state(config.data_dir) == before


def test_every_file_is_its_owners_only(config: ClusterConfig) -> None:
    pki = ensure(config)
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in pki.directory.iterdir()}
    assert set(modes.values()) == {"0o600"}
    assert oct(pki.directory.stat().st_mode & 0o777) == "0o700"
    assert oct(config.kubeconfig.stat().st_mode & 0o777) == "0o600"


def test_what_ends_soon_is_renewed_and_the_kubeconfig_follows(config: ClusterConfig) -> None:
    pki = ensure(config)
    ca, admin = pki.ca_certificate.read_bytes(), pki.certificate("admin").read_bytes()
    kubeconfig = config.kubeconfig.read_bytes()
    ensure(config, lives=Lifetimes(renew=366 * 86400))
    assert pki.ca_certificate.read_bytes() == ca
    assert pki.certificate("admin").read_bytes() != admin
    assert config.kubeconfig.read_bytes() != kubeconfig
    assert handshake(pki, client_context(pki, "admin"), "localhost") is not None


def test_another_address_range_means_another_serving_certificate(config: ClusterConfig) -> None:
    pki = ensure(config)
    admin = pki.certificate("admin").read_bytes()
    ensure(replace(config, slot=2))
    handshake(pki, client_context(pki), "10.98.0.1")
    assert pki.certificate("admin").read_bytes() == admin


def test_the_kubeconfig_names_server_user_and_context(config: ClusterConfig) -> None:
    ensure(config)
    found = yaml.safe_load(config.kubeconfig.read_text())
    assert found["current-context"] == "grappe-test"
    assert found["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    node = yaml.safe_load(config.kubeconfig_of("node").read_text())
    assert node["clusters"][0]["cluster"]["server"] == "https://10.95.0.1:6443"
    ensure(config.with_port(7000))
    found = yaml.safe_load(config.kubeconfig.read_text())
    assert found["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:7000"


def test_a_crash_after_any_file_is_mended_by_the_next_start(config: ClusterConfig) -> None:
    """Stop before each rename in turn: the next start always ends with pairs that fit."""
    real = os.replace
    stop_at = 0
    while True:
        count = 0

        def crash(source: str, target: str) -> None:
            nonlocal count
            count += 1
            if count > stop_at:  # noqa: B023
                raise KeyboardInterrupt
            real(source, target)

        directory = config.data_dir / str(stop_at)
        mine = replace(config, data_dir=directory)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", crash)
            try:
                ensure(mine)
            except KeyboardInterrupt:
                pass
            else:
                break
        pki = ensure(mine)
        for name in ("admin", "node", "platform", "kubelet-client"):
            client_context(pki, name)
        assert handshake(pki, client_context(pki, "admin"), "localhost") is not None
        stop_at += 3
    assert stop_at > 15


def test_a_lost_authority_key_is_reported_not_replaced(config: ClusterConfig) -> None:
    pki = ensure(config)
    pki.key("ca").unlink()
    with pytest.raises(UserError, match=r"ca\.key is missing"):
        ensure(config)


def test_issued_serving_certificates_are_for_servers_only(config: ClusterConfig) -> None:
    pki = ensure(config)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake_refused(pki)


def handshake_refused(pki: Pki) -> None:
    context = client_context(pki, "kubelet")
    ours, theirs = socket.socketpair()
    errors: list[Exception] = []

    def serve() -> None:
        try:
            with server_ssl_context(pki).wrap_socket(ours, server_side=True) as connection:
                connection.recv(1)
        except ssl.SSLError as error:
            errors.append(error)
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(theirs, server_hostname="localhost") as connection:
            connection.send(b"?")
            connection.recv(1)
    finally:
        thread.join()
        theirs.close()
    raise errors[0]


def test_a_renewed_certificate_is_used_for_the_next_connection_to_a_node(
    config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = ensure(config)
    first = kubelet_client_context(pki)
    assert kubelet_client_context(pki) is first
    ensure(config, lives=Lifetimes(renew=366 * 86400))
    assert kubelet_client_context(pki) is not first
