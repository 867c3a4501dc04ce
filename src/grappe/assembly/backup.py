"""A cluster's state in one file, and back: the newest chain of its archive, its keys, its settings.

The file is a tar archive; its first member, `manifest.json`, names the others with their SHA-256.
Images, containers, volumes and logs are no part of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grappe
from grappe.apiserver.encryption import sealer_of
from grappe.apiserver.pki.files import write_private
from grappe.assembly import cluster, probe, supervisor
from grappe.assembly.ports import PREFERRED_PORT, choose_port
from grappe.base.clock import SystemClock, rfc3339
from grappe.base.config import ClusterConfig, default_data_dir
from grappe.base.errors import UserError
from grappe.store import archive, restore
from grappe.store.sqlite import SqliteStore

_ARCHIVED_SECONDS = 60.0
_LARGEST_SETTING = 1 << 20
_MANIFEST = "manifest.json"
_PUT_BACK = ("cluster.json", "kubeconfig", "state.db")


def save(config: ClusterConfig, target: Path) -> int:
    """Write a backup of everything acknowledged so far; the revision it holds. Works while the
    server runs and while it does not. `target` is whole or not there."""
    _archive_everything(config)
    while True:
        chosen = restore.chain(config.archive_dir, None)
        try:
            contents = {f"archive/{path.name}": path.read_bytes() for path, _ in chosen}
            break
        except FileNotFoundError:
            continue  # the server has begun another chain
    for path in _settings(config):
        contents[str(path.relative_to(config.data_dir))] = path.read_bytes()
    revision = chosen[-1][1].revision
    manifest = {
        "grappe": grappe.__version__,
        "cluster": config.name,
        "created": rfc3339(time.time()),
        "revision": revision,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
    }
    _write_tar(target, {_MANIFEST: json.dumps(manifest, indent=2).encode(), **contents})
    return revision


def _archive_everything(config: ClusterConfig) -> None:
    """See that the archive holds all that has been acknowledged."""
    server = supervisor.running(config, "server")
    if server is None:
        asyncio.run(_archive_stopped(config))
        return
    listed = probe.get(config, "/api/v1/namespaces?limit=1")
    if listed is None:
        raise UserError(
            f"the API server of cluster {config.name!r} does not answer",
            "wait until it does, or run: grappe down (a stopped cluster can be backed up too)",
        )
    wanted = int(listed["metadata"]["resourceVersion"])
    server.signal(signal.SIGUSR1)
    deadline = time.monotonic() + _ARCHIVED_SECONDS
    while max((h.revision for _, h in archive.files(config.archive_dir)), default=0) < wanted:
        if time.monotonic() > deadline or not server.alive():
            raise UserError(
                f"the server did not write its archive {config.archive_dir}",
                "see why: grappe logs server",
            )
        time.sleep(0.02)


async def _archive_stopped(config: ClusterConfig) -> None:
    store = SqliteStore.open(
        config.database,
        sealing=sealer_of(config.encryption_config),
        archive=archive.Archive(config.archive_dir, SystemClock()),
    )
    await store.close()


def _settings(config: ClusterConfig) -> Iterator[Path]:
    """Keys, certificates and settings; not what is made from them, nor the database itself."""
    for path in sorted((*config.data_dir.iterdir(), *config.pki_dir.iterdir())):
        made = path.suffix in (".kubeconfig", ".tmp") or path.name in (".lock", "kubeconfig")
        if made or path.name.startswith("state.db") or path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size <= _LARGEST_SETTING:
            yield path


def _write_tar(target: Path, contents: dict[str, bytes]) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for name, data in contents.items():
                    member = tarfile.TarInfo(name)
                    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
                    tar.addfile(member, io.BytesIO(data))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {target}: {error.strerror}", "name a file in a directory with room"
        ) from error


# -- back --------------------------------------------------------------------------------------


def read(source: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the verified members of a backup; UserError names what is damaged."""
    try:
        with tarfile.open(source, mode="r:") as tar:
            contents = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    except (OSError, tarfile.TarError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UserError(f"{source} is no backup: {reason}", "name another file") from error
    try:
        manifest: dict[str, Any] = json.loads(contents.pop(_MANIFEST))
        digests: dict[str, str] = manifest["sha256"]
        cluster.check_name(manifest["cluster"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{source} is no backup: no manifest", "name another file") from error
    for name, digest in digests.items():
        if hashlib.sha256(contents.get(name, b"")).hexdigest() != digest:
            raise UserError(
                f"{source} is damaged: {name} is " + ("not whole" if name in contents else "gone"),
                "use another backup",
            )
    if unnamed := contents.keys() - digests.keys():
        raise UserError(f"{source} is damaged: {min(unnamed)} is not its own", "use another backup")
    return manifest, contents


def load(
    source: Path, until: float | None, name: str, data_dir: Path | None
) -> tuple[ClusterConfig, float]:
    """Put back what a backup holds as the cluster `name`, where that is or in a new directory;
    when the last write that it now has was made. One that is cut off leaves no new cluster."""
    manifest, contents = read(source)
    config = _home(name, manifest["cluster"], contents, data_dir)
    require_stopped(config)
    with tempfile.TemporaryDirectory(prefix="grappe-restore-") as scratch:
        folder = Path(scratch)
        for name, data in contents.items():
            if name.startswith("archive/"):
                (folder / Path(name).name).write_bytes(data)
        newest = _replace_database(config, folder, until, revision=int(manifest["revision"]))
    for name, data in contents.items():
        path = Path(name)
        if name in _PUT_BACK or path.parent.name not in ("", "pki") or len(path.parts) > 2:
            continue
        (config.data_dir / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(config.data_dir / path, data)
    if not cluster.exists(name):
        cluster.register(config)
    return config, newest


def rewind(config: ClusterConfig, until: float | None) -> float:
    """Put back what a cluster's own archive holds of some time, or of its end; when the last write
    that it now has was made."""
    require_stopped(config)
    return _replace_database(config, config.archive_dir, until)


def require_stopped(config: ClusterConfig) -> None:
    """UserError while the cluster runs."""
    if supervisor.running(config) or supervisor.running(config, "server"):
        raise UserError(
            f"cluster {config.name!r} is running", f"run: grappe down --cluster {config.name}"
        )


def _home(
    name: str, saved: str, contents: dict[str, bytes], data_dir: Path | None
) -> ClusterConfig:
    """Where the cluster is, or will be. Its address ranges and the names of its nodes stay: they
    are in its objects."""
    cluster.check_name(name)
    where = data_dir.resolve() if data_dir else default_data_dir(name)
    try:
        facts = json.loads(contents["cluster.json"])
        kept = ClusterConfig(data_dir=where, **facts)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("the backup holds no usable cluster.json", "use another") from error
    origin = kept.origin or saved
    if cluster.exists(name):
        config = cluster.load(name)
        if (config.origin or name) != origin:
            raise UserError(
                f"cluster {name!r} exists, and the backup is of cluster {saved!r}",
                f"choose a name that is free: --cluster NAME; or run: grappe delete -c {name}",
            )
        if data_dir and data_dir.resolve() != config.data_dir.resolve():
            raise UserError(f"cluster {name!r} lives in {config.data_dir}", "leave --data-dir out")
        return config
    others = [cluster.load(other) for other in cluster.names()]
    for other in others:
        if not other.simulate and not kept.simulate and other.slot == kept.slot:
            raise UserError(
                f"cluster {other.name!r} uses the address ranges of the backup",
                f"restore on another machine, or run: grappe delete --cluster {other.name}",
            )
    claimed = {other.port for other in others}  # also by those that are stopped
    port = choose_port(0 if PREFERRED_PORT in claimed else None)
    config = replace(kept, name=name, port=port, origin="" if name == origin else origin)
    cluster.claim(config)
    return config


def _replace_database(
    config: ClusterConfig, folder: Path, until: float | None, revision: int = 0
) -> float:
    """The old database stays beside the new one as `state.db.before-restore`."""
    lines, newest = restore.state([path for path, _ in restore.chain(folder, until)], until)
    known = [revision, restore.newest_revision(config.database)]
    known += [header.revision for at in (folder, config.archive_dir)
              for _, header in archive.files(at)]  # fmt: skip
    made, kept = (
        config.database.with_name(f"state.db.{n}") for n in ("restored", "before-restore")
    )
    for path in (made, kept):
        for ending in ("", "-wal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    restore.rebuild(made, lines, max(known))
    # The old log first: SQLite would apply it to the new file.
    for ending in ("-wal", ""):
        old = config.database.with_name(config.database.name + ending)
        if old.exists():
            os.replace(old, kept.with_name(kept.name + ending))
    os.replace(made, config.database)
    return newest
