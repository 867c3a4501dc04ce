"""The demo's Git repository: made by the real git, changed by real commits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from grappe.base.errors import UserError

_AUTHOR = ("-c", "user.name=grappe demo", "-c", "user.email=demo@grappe.invalid")


class Repository:
    """A repository whose `manifests` folder says what should run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *_AUTHOR, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UserError(
                f"git {arguments[0]} failed: {done.stderr.strip()}", "mend what it says"
            )
        return done.stdout.strip()

    def create(self, manifests: Path) -> str:
        """Begin anew with a copy of the manifests; the first commit."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")
        shutil.copytree(manifests, self.path / "manifests")
        return self.commit("hello-web: first version")

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a manifest's text."""
        path = self.path / "manifests" / file
        path.write_text(path.read_text().replace(old, new))

    def commit(self, message: str) -> str:
        """Commit everything; the new revision."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        return self._git("rev-parse", "HEAD")
