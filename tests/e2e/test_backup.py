"""`grappe backup` and `grappe restore` as a user types them, on simulated nodes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from grappe.api.resources import CONFIG_MAPS, NODES, SECRETS
from grappe.base.clock import rfc3339_micro
from grappe.client import connect
from grappe.client.interface import Client
from tests.e2e.conftest import Grappe, clusters, until


def with_client(grappe: Grappe, call: Callable[[Client], Awaitable[Any]]) -> Any:
    """What `call` makes of the cluster's administrator."""

    async def once() -> Any:
        client = connect(grappe.config.kubeconfig)
        try:
            return await call(client)
        finally:
            await client.close()

    return asyncio.run(once())


def keep(grappe: Grappe, name: str, resource: Any = CONFIG_MAPS, **parts: Any) -> Any:
    obj = {"metadata": {"name": name, "namespace": "default"}, **parts}
    return with_client(grappe, lambda client: client.create(resource, obj))


def names(grappe: Grappe, resource: Any = CONFIG_MAPS) -> set[str]:
    page = with_client(grappe, lambda client: client.list(resource))
    return {obj["metadata"]["name"] for obj in page.items}


def revision(grappe: Grappe) -> int:
    return int(with_client(grappe, lambda client: client.list(CONFIG_MAPS)).resource_version)


@contextmanager
def busy(grappe: Grappe) -> Iterator[list[str]]:
    """Somebody creates one object after the other; the names of those acknowledged."""
    done: list[str] = []
    stop = threading.Event()

    async def write(client: Client) -> None:
        while not stop.is_set():
            name = f"w{len(done)}"
            obj = {"metadata": {"name": name, "namespace": "default"}, "data": {"x": "y" * 500}}
            await client.create(CONFIG_MAPS, obj)
            done.append(name)

    writer = threading.Thread(target=lambda: with_client(grappe, write))
    writer.start()
    try:
        until(lambda: len(done) > 50, "something is written")
        yield done
    finally:
        stop.set()
        writer.join()


@contextmanager
def another(grappe: Grappe) -> Iterator[Grappe]:
    """A second name on the same machine."""
    other = Grappe(f"{grappe.name}-b", grappe.home)
    try:
        yield other
    finally:
        if clusters.exists(other.name):
            other("delete", "--yes")


def up(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")


def refused(grappe: Grappe, *arguments: str) -> str:
    """What a command says that changes nothing."""
    done = grappe(*arguments, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_a_backup_under_writes_is_all_an_empty_machine_needs(
    grappe: Grappe, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    up(grappe)
    keep(grappe, "token", SECRETS, stringData={"token": "swordfish"})
    with busy(grappe) as acknowledged:
        before = set(acknowledged)
        grappe("backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    was = revision(grappe)
    grappe("delete", "--yes")
    assert not clusters.exists(grappe.name)

    told = grappe("restore", str(file), "--data-dir", str(tmp_path / "elsewhere")).stdout
    assert "before-restore" not in told
    grappe("up")
    assert grappe.config.data_dir == tmp_path / "elsewhere"
    assert before <= names(grappe)
    secret = with_client(grappe, lambda client: client.get(SECRETS, "token", "default"))
    assert secret["data"] == {"token": "c3dvcmRmaXNo"}
    assert revision(grappe) > was
    assert grappe.status()["state"] == "running"


def test_restore_waits_for_the_cluster_to_be_stopped_and_keeps_what_was(
    grappe: Grappe, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    up(grappe)
    keep(grappe, "early")
    grappe("backup", str(file))
    keep(grappe, "late")
    told = refused(grappe, "restore", str(file))
    assert f"cluster '{grappe.name}' is running" in told
    assert f"grappe down --cluster {grappe.name}" in told
    assert "late" in names(grappe)

    grappe("down")
    told = grappe("restore", str(file)).stdout
    kept = grappe.config.database.with_name("state.db.before-restore")
    assert str(kept) in told
    assert b'"late"' in kept.read_bytes()
    grappe("up")
    found = names(grappe)
    assert "early" in found
    assert "late" not in found


def test_a_cluster_goes_back_to_a_moment_from_its_own_archive(
    grappe: Grappe, tmp_path: Path
) -> None:
    up(grappe)
    keep(grappe, "early")
    keep(grappe, "sealed", SECRETS, stringData={"token": "swordfish"})
    grappe("backup", str(tmp_path / "unused.tar"))  # has the archive written
    moment = rfc3339_micro(time.time())
    keep(grappe, "late")
    was = revision(grappe)
    grappe("down")
    told = refused(grappe, "restore", "--to", "2001-01-31T12:00:00Z")
    assert "the archive goes back to" in told
    assert "is no time" in refused(grappe, "restore", "--to", "yesterday")
    grappe("restore", "--to", moment)
    grappe("up")
    found = names(grappe)
    assert "early" in found
    assert "late" not in found
    assert revision(grappe) > was


def test_an_old_state_needs_the_key_of_its_time(grappe: Grappe) -> None:
    up(grappe)
    keep(grappe, "sealed", SECRETS, stringData={"token": "swordfish"})
    grappe("down")
    path = grappe.config.encryption_config
    right = path.read_bytes()
    config = json.loads(path.read_text())
    for provider in config["resources"][0]["providers"]:
        for settings in provider.values():
            for key in settings.get("keys", ()):
                key["secret"] = "A" * 43 + "="
    path.write_text(json.dumps(config))
    grappe("restore")  # without a key: what is sealed stays so
    told = refused(grappe, "up")
    assert "is not the one that encrypted" in told
    assert "AAAA" not in told
    grappe("down")
    path.write_bytes(right)
    grappe("up")
    assert "sealed" in names(grappe, SECRETS)


def test_what_is_no_backup_or_damaged_changes_nothing(grappe: Grappe, tmp_path: Path) -> None:
    file, bad = tmp_path / "backup.tar", tmp_path / "bad.tar"
    up(grappe)
    keep(grappe, "kept")
    grappe("backup", str(file))
    grappe("down")
    good = file.read_bytes()
    database = grappe.config.database.read_bytes()

    def told_of(content: bytes) -> str:
        bad.write_bytes(content)
        return refused(grappe, "restore", str(bad))

    assert "is no backup" in told_of(b"hello")
    assert "is no backup" in told_of(b"")
    with io.BytesIO() as other, tarfile.open(fileobj=other, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("something"))
        tar.close()
        assert "no manifest" in told_of(other.getvalue())
    with tarfile.open(file) as tar:
        (member,) = [m for m in tar if m.name.startswith("archive/")][:1]
    at = member.offset_data + member.size // 2
    changed = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    assert f"is damaged: {member.name} is not whole" in told_of(changed)
    assert "bad.tar" in told_of(good[: len(good) // 2])
    assert "No such file" in refused(grappe, "restore", str(tmp_path / "nothing"))
    assert "cannot write" in refused(grappe, "backup", str(tmp_path / "no" / "folder"))
    assert grappe.config.database.read_bytes() == database
    assert os.listdir(tmp_path).count("backup.tar") == 1
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_a_backup_becomes_another_cluster_beside_the_first(grappe: Grappe, tmp_path: Path) -> None:
    file, again = tmp_path / "backup.tar", tmp_path / "again.tar"
    up(grappe)
    keep(grappe, "early")
    grappe("backup", str(file))
    keep(grappe, "late")
    with another(grappe) as other:
        other("restore", str(file), "--cluster", other.name)
        other("up")
        assert "early" in names(other)
        assert "late" not in names(other)
        keep(other, "only-here")
        assert "late" in names(grappe)
        assert "only-here" not in names(grappe)
        # Pods are bound to nodes by name.
        assert names(other, NODES) == names(grappe, NODES) == {f"grappe-{grappe.name}"}
        ready = until(lambda: other.status()["state"] == "running", "the copy runs")
        assert ready
        contexts = yaml.safe_load((grappe.home / ".kube" / "config").read_text())["contexts"]
        assert {c["name"] for c in contexts} == {f"grappe-{grappe.name}", f"grappe-{other.name}"}

        other("backup", str(again))
        other("down")
        other("restore", str(again))
        other("up")
        assert "only-here" in names(other)
        other("down")
        other("restore", str(file), "--cluster", other.name)
        other("up")
        assert "only-here" not in names(other)


def test_a_backup_replaces_no_other_cluster(grappe: Grappe, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    up(grappe)
    grappe("backup", str(file))
    with another(grappe) as other:
        up(other)
        keep(other, "kept")
        other("down")
        told = refused(other, "restore", str(file), "--cluster", other.name)
        assert f"cluster '{other.name}' exists" in told
        assert "--cluster NAME" in told
        assert "cannot name a cluster" in refused(other, "restore", str(file), "-c", "No_Name")
        other("up")
        assert "kept" in names(other)
