"""Write an OCI image as the tar file that `ctr images import` and `skopeo` read.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md. Reproducible: the same
files give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class File(NamedTuple):
    """One entry of the layer: a file, or a symbolic link when `link` is set, or a directory."""

    data: bytes = b""
    mode: int = 0o755
    link: str = ""
    directory: bool = False


def _add(archive: tarfile.TarFile, path: str, file: File) -> None:
    entry = tarfile.TarInfo(path)
    entry.mode = file.mode
    if file.link:
        entry.type, entry.linkname = tarfile.SYMTYPE, file.link
    elif file.directory:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(file.data)
    archive.addfile(entry, io.BytesIO(file.data) if entry.isreg() else None)


def _tar(files: Mapping[str, File]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in files.items():
            _add(archive, path, file)
    return out.getvalue()


def image_tar(
    name: str,
    files: Mapping[str, File],
    *,
    architecture: str,
    entrypoint: Sequence[str] = (),
    command: Sequence[str] = (),
    env: Sequence[str] = (),
    user: str = "",
) -> bytes:
    """An OCI layout with one image of one layer. `name` is the full reference, with its tag."""
    layer = _tar(files)
    settings: dict[str, Any] = {"Entrypoint": list(entrypoint), "Env": list(env)}
    if command:
        settings["Cmd"] = list(command)
    if user:
        settings["User"] = user
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    entry = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    entry["annotations"] = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    index = _json({"schemaVersion": 2, "manifests": [entry]})
    blobs = {
        f"blobs/sha256/{_digest(data).removeprefix('sha256:')}": File(data, 0o644)
        for data in (layer, config, manifest)
    }
    return _tar(
        {
            "oci-layout": File(_json({"imageLayoutVersion": "1.0.0"}), 0o644),
            "index.json": File(index, 0o644),
            **blobs,
        }
    )


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}
