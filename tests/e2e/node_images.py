"""Images for tests of real containers, made offline: busybox in an OCI layout."""

from collections.abc import Mapping
from pathlib import Path

from grappe.node.runtime.containerd.oci import File, image_tar
from grappe.node.runtime.containerd.pause import architecture

BUSYBOX = "localhost/test/busybox:1"
_APPLETS = (
    "sh cat echo sleep wget nc httpd true false env id ls mkdir touch rm date hostname grep tar "
    "head tail dd md5sum sed awk stat printf test kill ps mount chmod nslookup ip df sync wc seq "
    "stty tty"
)


def busybox_tar(
    name: str = BUSYBOX, user: str = "", more: Mapping[str, File] | None = None
) -> bytes:
    """An image with busybox as /bin/sh and friends, and whatever `more` there is to be in it."""
    files = {
        "bin": File(mode=0o755, directory=True),
        "tmp": File(mode=0o1777, directory=True),
        "etc": File(mode=0o755, directory=True),
        "root": File(mode=0o700, directory=True),
        "etc/passwd": File(b"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n", 0o644),
        "etc/group": File(b"root:x:0:\nweb:x:1000:\n", 0o644),
        "bin/busybox": File(Path("/bin/busybox").read_bytes()),
    }
    files |= more or {}
    for applet in _APPLETS.split():
        files[f"bin/{applet}"] = File(mode=0o777, link="busybox")
    return image_tar(
        name,
        files,
        architecture=architecture(),
        command=["sh"],
        env=["PATH=/usr/bin:/bin"],
        user=user,
    )
