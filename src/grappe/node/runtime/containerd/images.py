"""Images in the private containerd: list, pull, import from a tar file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grappe.base import programs
from grappe.base.errors import UserError
from grappe.node.runtime.containerd import oci, render
from grappe.node.runtime.containerd.connection import Connection
from grappe.node.runtime.containerd.messages import cri
from grappe.node.runtime.containerd.paths import Paths
from grappe.node.runtime.containerd.pause import PAUSE_IMAGE, architecture, pause_program
from grappe.node.runtime.interface import Credentials, Image

_ENOUGH_FOR_A_PULL = 3600.0


def _image(found: Any) -> Image:
    return Image(
        found.id,
        tuple(found.repo_tags),
        tuple(found.repo_digests),
        found.size,
        found.uid.value if found.HasField("uid") else None,
        found.username,
        found.pinned or PAUSE_IMAGE in found.repo_tags,
    )


class Images:
    """The image half of the runtime."""

    def __init__(self, connection: Connection, paths: Paths) -> None:
        self._connection = connection
        self._paths = paths

    async def _call(self, name: str, request: Any, timeout: float = 30.0) -> Any:
        return await self._connection.call("ImageService", name, request, timeout=timeout)

    async def list(self) -> Sequence[Image]:
        answer = await self._call("ListImages", cri().ListImagesRequest())
        return [_image(found) for found in answer.images]

    async def status(self, reference: str) -> Image | None:
        spec = cri().ImageSpec(image=reference)
        answer = await self._call("ImageStatus", cri().ImageRequest(image=spec))
        return _image(answer.image) if answer.HasField("image") else None

    async def pull(self, reference: str, credentials: Credentials | None) -> str:
        request = cri().PullImageRequest(
            image=cri().ImageSpec(image=reference), auth=render.credentials(credentials)
        )
        answer = await self._call("PullImage", request, _ENOUGH_FOR_A_PULL)
        return str(answer.image_ref)

    async def ensure_pause(self) -> None:
        """Make and import the pause image, unless it is there."""
        if await self.status(PAUSE_IMAGE) is not None:
            return
        import platform

        data = oci.image_tar(
            PAUSE_IMAGE,
            {"pause": oci.File(pause_program(platform.machine()))},
            architecture=architecture(),
            entrypoint=["/pause"],
        )
        with tempfile.NamedTemporaryFile(suffix=".tar", dir=self._paths.root) as file:
            file.write(data)
            file.flush()
            await load_image(self._paths, Path(file.name))
        # CRI learns of the import through an event.
        for _ in range(200):
            if await self.status(PAUSE_IMAGE) is not None:
                return
            await asyncio.sleep(0.01)
        raise UserError("containerd did not take the pause image", f"see {self._paths.log}")


def _check_archive(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"{file} is no file", "give the path of an image archive (tar)")


async def load_image(paths: Paths, file: Path) -> list[str]:
    """Import an OCI or docker-archive tar; the names of the images in it. UserError when
    containerd is not running or refuses the file."""
    ctr = programs.require("ctr", "containerd")
    _check_archive(file)
    process = await asyncio.create_subprocess_exec(
        *(ctr, "--address", str(paths.socket), "--namespace", "k8s.io"),
        *("images", "import", str(file)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        text = err.decode("utf-8", "replace").strip().rpartition("\n")[2] or "ctr failed"
        raise UserError(
            f"{file} was not imported: {text.removeprefix('ctr: ')}",
            "it must be an image archive, as written by: buildah push NAME oci-archive:FILE",
        )
    return [
        line.removeprefix("unpacking ").partition(" (")[0]
        for line in out.decode("utf-8", "replace").splitlines()
        if line.startswith("unpacking ")
    ]
