"""The images of Kubernetes' end-to-end suite, made without a registry from what the suite's own
Go module holds and from this machine's busybox.

What each holds is what its tests use of it: see MADE. An image under a name of the suite that is
not made here does not exist; tests that need it are named in out-of-reach-real.txt.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from grappe.base.errors import UserError
from grappe.node.runtime.containerd.oci import File, image_tar
from grappe.node.runtime.containerd.pause import architecture, pause_program

SOURCES = Path(__file__).parents[1] / "tests" / "clients" / "conformance"
PROGRAMS = {
    "agnhost": "k8s.io/kubernetes/test/images/agnhost",
    "etcd": "go.etcd.io/etcd/server/v3",
    "sample-apiserver": "k8s.io/sample-apiserver",
}
"""Programs that images hold, and their Go packages."""
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_Files = dict[str, File]


def build(built: Path) -> None:
    """Build the programs, linked statically, into `built`."""
    for name, package in PROGRAMS.items():
        flags = ("-ldflags", "-s -w -linkmode external -extldflags -static")
        command = ["nice", "-n", "15", "go", "build", *flags, "-o", str(built / name), package]
        subprocess.run(command, cwd=SOURCES, check=True)


def _of_the_suite(path: str) -> File:
    """A file that the suite's module holds for an image."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"]
    found = subprocess.run(command, cwd=SOURCES, check=True, capture_output=True, text=True)
    return File((Path(found.stdout.strip()) / "test" / "images" / path).read_bytes(), 0o644)


def _shell() -> _Files:
    """A root file system with busybox as /bin/sh and friends."""
    program = shutil.which("busybox")
    if program is None:
        raise UserError("busybox is not installed", "apt-get install busybox-static")
    told = subprocess.run([program, "--list"], check=True, capture_output=True, text=True)
    users = b"root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/:/bin/sh\n"
    groups = b"root:x:0:\nuser-defined-in-image:x:1000:\n"
    groups += b"group-defined-in-image:x:50000:user-defined-in-image\n"
    files = {
        "bin": File(directory=True),
        "etc": File(directory=True),
        "root": File(mode=0o700, directory=True),
        "tmp": File(mode=0o1777, directory=True),
        "etc/passwd": File(users, 0o644),
        "etc/group": File(groups, 0o644),
        "bin/busybox": File(Path(program).read_bytes()),
    }
    for applet in told.stdout.split():
        files.setdefault(f"bin/{applet}", File(mode=0o777, link="busybox"))
    return files


def _image(name: str, files: _Files, *command: str, entrypoint: str = "") -> bytes:
    return image_tar(
        name,
        files,
        architecture=architecture(),
        entrypoint=[entrypoint] if entrypoint else [],
        command=command,
        env=[_PATH],
    )


def _agnhost_files(built: Path) -> _Files:
    return {
        **_shell(),
        "agnhost": File((built / "agnhost").read_bytes()),
        "agnhost-2": File(mode=0o777, link="agnhost"),
        "uploads": File(directory=True),
        "localhost.crt": _of_the_suite("agnhost/porter/localhost.crt"),
        "localhost.key": _of_the_suite("agnhost/porter/localhost.key"),
    }


def _agnhost(name: str, built: Path) -> bytes:
    return _image(name, _agnhost_files(built), "pause", entrypoint="/agnhost")


def _server(name: str, built: Path) -> bytes:
    """A web server that answers on port 80 what is in its root, without being told to."""
    return _image(name, _agnhost_files(built), "test-webserver", entrypoint="/agnhost")


def _nautilus(name: str, built: Path) -> bytes:
    files = {path: _of_the_suite(f"nautilus/html/{path}") for path in ("nautilus.jpg", "data.json")}
    return _image(name, _agnhost_files(built) | files, "test-webserver", entrypoint="/agnhost")


def _busybox(name: str, built: Path) -> bytes:
    return _image(name, _shell(), "sh")


def _pause(name: str, built: Path) -> bytes:
    return _image(name, {"pause": File(pause_program(platform.machine()))}, entrypoint="/pause")


def _etcd(name: str, built: Path) -> bytes:
    folders = {folder: File(directory=True) for folder in ("usr", "usr/local", "usr/local/bin")}
    program = {"usr/local/bin/etcd": File((built / "etcd").read_bytes())}
    return _image(name, folders | program, "/usr/local/bin/etcd")


def _sample_apiserver(name: str, built: Path) -> bytes:
    program = {"sample-apiserver": File((built / "sample-apiserver").read_bytes())}
    return _image(name, _shell() | program, entrypoint="/sample-apiserver")


MADE: dict[str, Callable[[str, Path], bytes]] = {
    "registry.k8s.io/e2e-test-images/agnhost": _agnhost,
    "registry.k8s.io/e2e-test-images/busybox": _busybox,
    "registry.k8s.io/e2e-test-images/nautilus": _nautilus,
    "registry.k8s.io/e2e-test-images/nginx": _server,
    "registry.k8s.io/e2e-test-images/sample-apiserver": _sample_apiserver,
    "registry.k8s.io/etcd": _etcd,
    "registry.k8s.io/pause": _pause,
}
"""How each image is made. That of nginx is no nginx: its tests ask for a process that stays."""


def archives(suite: Path, built: Path, folder: Path) -> Iterator[Path]:
    """OCI archives in `folder`, one after the other at one path, of every image that the binary
    `suite` names and that is made here."""
    listed = subprocess.run([suite, "--list-images"], check=True, capture_output=True, text=True)
    archive = folder / "image.tar"
    for name in sorted(listed.stdout.split()):
        if make := MADE.get(name.rpartition(":")[0]):
            archive.write_bytes(make(name, built))
            yield archive
