"""Message classes and method names of CRI, from the compiled descriptors. Nothing else knows
protobuf."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

_SERVICES = {
    "RuntimeService": "runtime.v1.RuntimeService",
    "ImageService": "runtime.v1.ImageService",
    "Events": "containerd.services.events.v1.Events",
}


@cache
def _classes() -> tuple[dict[str, Any], Any]:
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    data = files(f"{__package__}.protos").joinpath("descriptors.bin").read_bytes()
    known = descriptor_pb2.FileDescriptorSet.FromString(data)
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    names = []
    for file in known.file:
        pool.Add(file)
        names += [f"{file.package}.{message.name}" for message in file.message_type]
    classes = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names
    }
    return classes, pool


@cache
def cri() -> Any:
    """A namespace with every CRI message class: `cri().VersionRequest(...)`."""
    classes, _ = _classes()
    prefix = "runtime.v1."
    return SimpleNamespace(
        **{n.removeprefix(prefix): c for n, c in classes.items() if n.startswith(prefix)}
    )


@cache
def events() -> Any:
    """The same for containerd's events service."""
    classes, _ = _classes()
    prefix = "containerd.services.events.v1."
    return SimpleNamespace(
        **{n.removeprefix(prefix): c for n, c in classes.items() if n.startswith(prefix)}
    )


class Method:
    """One RPC: its path on the wire and the class of its answer."""

    __slots__ = ("answer", "path")

    def __init__(self, path: str, answer: Any) -> None:
        self.path = path
        self.answer = answer


@cache
def method(service: str, name: str) -> Method:
    """`method("RuntimeService", "Version")`."""
    classes, pool = _classes()
    full = _SERVICES[service]
    found = pool.FindServiceByName(full).methods_by_name[name]
    return Method(f"/{full}/{name}", classes[found.output_type.full_name])
