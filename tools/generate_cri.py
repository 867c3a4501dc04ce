"""Compile the CRI protos of the containerd runtime into the descriptors it loads at run time.

    python tools/generate_cri.py            writes …/containerd/protos/descriptors.bin
    python tools/generate_cri.py --verify   also compares every field with a containerd binary

containerd carries the descriptors it was built from, gzip'ed; `--verify` reads them out and fails
when a name, number or type of ours differs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

PROTOS = Path(__file__).parent.parent / "src/grappe/node/runtime/containerd/protos"


def compiled() -> bytes:
    import grpc_tools
    from grpc_tools import protoc

    include = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "set"
        command = ["protoc", f"-I{PROTOS}", f"-I{include}", f"--descriptor_set_out={out}"]
        if protoc.main([*command, "cri.proto", "events.proto"]):
            raise SystemExit("protoc failed")
        return out.read_bytes()


def of_binary(path: str) -> dict[str, Any]:
    """Every descriptor inside a Go program, by file name."""
    from google.protobuf import descriptor_pb2
    from google.protobuf.message import DecodeError

    data = Path(path).read_bytes()
    found = {}
    at = data.find(b"\x1f\x8b\x08\x00")
    while at >= 0:
        try:
            raw = zlib.decompressobj(31).decompress(data[at : at + 200_000])
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            found[file.name] = file
        except (zlib.error, DecodeError):
            pass
        at = data.find(b"\x1f\x8b\x08\x00", at + 4)
    return found


def differences(ours: Any, theirs: Any) -> list[str]:
    """Fields of our messages that the binary's message of the same name has not, or otherwise."""
    wrong = []
    reference = {m.name: m for m in theirs.message_type}
    for message in ours.message_type:
        if message.name not in reference:
            continue
        fields = {f.name: f for f in reference[message.name].field}
        for field in message.field:
            known = fields.get(field.name)
            if known is None or (known.number, known.type, known.label) != (
                field.number,
                field.type,
                field.label,
            ):
                wrong.append(f"{message.name}.{field.name}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verify", action="store_true")
    arguments = parser.parse_args()
    data = compiled()
    (PROTOS / "descriptors.bin").write_bytes(data)
    if arguments.verify:
        from google.protobuf import descriptor_pb2

        binary = shutil.which("containerd")
        if binary is None:
            raise SystemExit("no containerd on PATH")
        theirs = next(f for f in of_binary(binary).values() if f.package == "runtime.v1")
        ours = descriptor_pb2.FileDescriptorSet.FromString(data).file[0]
        wrong = differences(ours, theirs)
        if wrong:
            sys.exit("differs from containerd: " + ", ".join(wrong))
        print("every field agrees with", binary)


if __name__ == "__main__":
    main()
