"""Build the example's image without a registry: a base by mmdebstrap, then buildah."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from grappe.base.errors import UserError

BASE = "localhost/debian-python:12"
_NEEDED = {"mmdebstrap": "mmdebstrap", "buildah": "buildah", "busybox": "busybox-static"}


def _run(arguments: list[str], cwd: Path, **environment: str) -> None:
    """Run a tool; UserError with its last words when it fails."""
    try:
        done = subprocess.run(
            arguments,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        raise UserError(
            f"{arguments[0]} is not installed",
            "apt-get install " + " ".join(sorted(_NEEDED.values())),
        ) from None
    if done.returncode:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise UserError(f"{' '.join(arguments[:6])} … failed:\n{words}", "mend what it says above")


class Builder:
    """Builds in one directory, which holds all there is: delete it and nothing is left."""

    def __init__(self, work: Path, source: Path) -> None:
        self._work = work
        self._source = source
        work.mkdir(parents=True, exist_ok=True)
        (work / "storage.conf").write_text(
            '[storage]\ndriver = "overlay"\n'
            f'graphroot = "{work / "storage"}"\nrunroot = "{work / "run"}"\n'
        )
        local = {"containers-storage": {"": [{"type": "insecureAcceptAnything"}]}}
        (work / "policy.json").write_text(
            json.dumps({"default": [{"type": "reject"}], "transports": local})
        )

    def _buildah(self, *arguments: str, context: Path) -> None:
        # In a mount namespace of its own, so that no overlay stays mounted whatever happens.
        _run(
            ["unshare", "--mount", "buildah", *arguments],
            context,
            CONTAINERS_STORAGE_CONF=str(self._work / "storage.conf"),
        )

    def _build(self, context: Path, file: str, tag: str, *arguments: str) -> None:
        # Without cached layers: buildah 1.28 takes one for another when only an argument differs.
        self._buildah(
            f"--signature-policy={self._work / 'policy.json'}",
            *("bud", "--isolation", "chroot", "--pull-never", "--quiet"),
            *("--file", file, "--tag", tag, *arguments, "."),
            context=context,
        )

    def base(self) -> None:
        """The base image; made once."""
        context = self._work / "base"
        if (context / ".built").exists():
            return
        context.mkdir(exist_ok=True)
        busybox = shutil.which("busybox")
        if not busybox:
            raise UserError("busybox is not installed", "apt-get install busybox-static")
        packages = "python3-minimal,libpython3-stdlib,netbase"
        make_root = ["mmdebstrap", "--quiet", "--mode=root", "--variant=extract"]
        _run([*make_root, f"--include={packages}", "bookworm", "root.tar"], context)
        shutil.copy(busybox, context / "busybox")
        self._build(context, str(self._source / "Dockerfile.base"), BASE)
        (context / "root.tar").unlink()
        (context / ".built").touch()

    def application(self, tag: str, version: str) -> Path:
        """The application's image as an OCI archive named by its tag."""
        self._build(
            self._source, "Dockerfile", tag, "--build-arg", f"BASE={BASE}", "--build-arg",
            f"VERSION={version}",
        )  # fmt: skip
        archive = self._work / f"{tag.rpartition('/')[2].replace(':', '-')}.tar"
        archive.unlink(missing_ok=True)
        self._buildah("push", "--quiet", tag, f"oci-archive:{archive}:{tag}", context=self._work)
        return archive
