"""Put a context into a kubeconfig that belongs to the user, and take it out again.

What is there stays: unknown keys and other entries are kept (comments are lost, as with
`kubectl config`). The file is replaced atomically, mode 0600, under the lock file kubectl uses.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grappe.base.errors import UserError
from grappe.client.kubeconfig import SECTIONS, default_paths, read

_LOCK_WAIT = 5.0
_LOCK_STALE = 10.0
"""Seconds. Nobody holds the lock longer than a small write takes: an older one is a leftover."""


def merge_context(path: Path | None, name: str, config: dict[str, Any]) -> Path:
    """Add the current context of `config` as context, cluster and user `name`.

    Entries of that name are replaced. It becomes the current context only where the file has none
    that exists. `path=None` picks among the default files as kubectl does: the one that has the
    context, else the first that exists, else the last. Returns the file written.
    """
    path = path or _file_for(name)
    added = _entries(name, config)
    with _locked(path):
        existing = read(path) if path.exists() else {}
        existing.setdefault("apiVersion", "v1")
        existing.setdefault("kind", "Config")
        for section, _ in SECTIONS:
            _put(existing, section, added[section])
        names = {entry.get("name") for entry in existing["contexts"]}
        if existing.get("current-context") not in names:
            existing["current-context"] = name
        _write(path, existing)
    return path


def remove_context(path: Path | None, name: str) -> bool:
    """Take out context `name` with its cluster and user, unless another context uses those.

    False when there was none.
    """
    path = path or _file_for(name)
    if not path.exists():
        return False
    with _locked(path):
        config = read(path)
        contexts = config.get("contexts") or []
        gone = next((e for e in contexts if e.get("name") == name), None)
        if gone is None:
            return False
        contexts = [e for e in contexts if e is not gone]
        config["contexts"] = contexts
        for section, key in (("clusters", "cluster"), ("users", "user")):
            orphan = (gone.get("context") or {}).get(key)
            if orphan not in {(e.get("context") or {}).get(key) for e in contexts}:
                entries = config.get(section) or []
                config[section] = [e for e in entries if e.get("name") != orphan]
        if config.get("current-context") == name:
            config["current-context"] = ""
        _write(path, config)
    return True


def _file_for(name: str) -> Path:
    paths = default_paths()
    existing = [path for path in paths if path.exists()]
    for path in existing:
        if any(e.get("name") == name for e in read(path).get("contexts") or []):
            return path
    return existing[0] if existing else paths[-1]


def _entries(name: str, config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The three entries of the current context of `config`, all called `name`."""
    current = config["current-context"]
    context = next(e for e in config["contexts"] if e["name"] == current)["context"]
    cluster = next(e for e in config["clusters"] if e["name"] == context["cluster"])["cluster"]
    user = next(e for e in config["users"] if e["name"] == context["user"])["user"]
    return {
        "clusters": {"name": name, "cluster": cluster},
        "users": {"name": name, "user": user},
        "contexts": {"name": name, "context": {**context, "cluster": name, "user": name}},
    }


def _put(config: dict[str, Any], section: str, entry: dict[str, Any]) -> None:
    entries = config.get(section) or []
    for index, existing in enumerate(entries):
        if existing.get("name") == entry["name"]:
            entries[index] = entry
            break
    else:
        entries.append(entry)
    config[section] = entries


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `PATH.lock`, made with O_EXCL, as kubectl does."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + _LOCK_WAIT
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _LOCK_STALE:
                    lock.unlink()
                    continue
            if time.monotonic() > deadline:
                raise UserError(
                    f"{path} is locked by another program", f"if none runs, remove {lock}"
                ) from None
            time.sleep(0.02)
        except OSError as error:
            raise UserError(f"{lock}: {error.strerror}", "check the folder's rights") from error
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            lock.unlink()


def _write(path: Path, config: dict[str, Any]) -> None:
    """Replace the file (what a symbolic link points to, not the link); keep its owner."""
    import yaml

    target = Path(os.path.realpath(path))
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=False)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            if target.exists():
                owner = target.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "check its rights"
        ) from error
