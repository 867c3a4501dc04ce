"""Notice a new commit in a repository on this machine without starting git.

A repository's refs are files: `HEAD`, `packed-refs`, `refs/**` (or `reftable/`). As long as their
names, sizes and times are the same, so are the refs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]


def fingerprint(repository: Path) -> Fingerprint | None:
    """None when this does not look like a repository."""
    folder = _git_folder(repository)
    if folder is None:
        return None
    seen: list[tuple[str, int, int, int]] = []
    for name in ("HEAD", "packed-refs"):
        _look(folder / name, seen)
    for name in ("refs", "reftable"):
        for parent, _, files in os.walk(folder / name):
            for file in files:
                _look(Path(parent) / file, seen)
    return tuple(sorted(seen))


def _git_folder(repository: Path) -> Path | None:
    inner = repository / ".git"
    if inner.is_file():  # a worktree or submodule: it says where the repository is
        try:
            text = inner.read_text().removeprefix("gitdir:").strip()
            common = (repository / text / "commondir").read_text().strip()
            return (repository / text / common).resolve()
        except OSError:
            return None
    for candidate in (inner, repository):
        if (candidate / "HEAD").is_file():
            return candidate
    return None


def _look(path: Path, seen: list[tuple[str, int, int, int]]) -> None:
    try:
        found = path.stat()
    except OSError:
        return
    seen.append((str(path), found.st_mtime_ns, found.st_size, found.st_ino))
