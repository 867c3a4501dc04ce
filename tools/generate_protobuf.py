"""Make the table of protobuf field numbers from Kubernetes' published Go modules.

    python tools/generate_protobuf.py 1.36 v0.36.2

Field numbers and types come from each package's `generated.proto`, JSON names and whether a field
is a pointer, inlined or left out when empty from the tags of its Go types. Needs `go` on PATH,
which fetches the modules; nothing of them is kept but these facts.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MODULES = ("api", "apimachinery", "apiextensions-apiserver", "kube-aggregator")
OUTPUT = Path(__file__).parent.parent / "src" / "grappe" / "api" / "protobuf" / "data"

_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"^\s*(optional|repeated) ([.\w]+) (\w+) = (\d+);", re.M)
_MAP = re.compile(r"^\s*map<(\w+), ([.\w]+)> (\w+) = (\d+);", re.M)
_STRUCT = re.compile(r"^type (\w+) struct \{(.*?)^\}", re.M | re.S)
_TAGGED = re.compile(
    r"^\s*(?:\w+\s+)?(\S+)\s+`[^`]*?json:\"([^\"]*)\"[^`]*?protobuf:\"\w+,(\d+),", re.M
)
_GROUP = re.compile(r"GroupName\s*=\s*\"([^\"]*)\"")
_SCALARS = {"string", "bytes", "bool", "int32", "int64", "double"}


def download(version: str) -> list[Path]:
    """Fetch the modules through the ordinary module proxy; their directories."""
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "go.mod").write_text("module facts\n")
        names = [f"k8s.io/{module}@{version}" for module in MODULES]
        done = subprocess.run(
            ["go", "mod", "download", "-json", *names], cwd=work, capture_output=True, check=True
        )
    decoder, text, found = json.JSONDecoder(), done.stdout.decode(), []
    while text.strip():
        fact, end = decoder.raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        found.append(Path(fact["Dir"]))
    return found


def go_tags(folder: Path) -> dict[tuple[str, int], tuple[str, str]]:
    """(struct, field number) → (Go type, json tag) of a package's types."""
    found = {}
    for file in folder.glob("*.go"):
        if file.name.startswith("zz_") or file.name.endswith(("_test.go", ".pb.go")):
            continue
        for name, body in _STRUCT.findall(file.read_text()):
            for go_type, tag, number in _TAGGED.findall(body):
                found[name, int(number)] = (go_type, tag)
    return found


def read_package(proto: Path) -> tuple[str, str | None, dict[str, Any], list[str]]:
    """A package's name, its API group (None: not an API package), its messages' fields and the
    messages that stand for a Go slice type: in JSON just the list."""
    text = re.sub(r"//[^\n]*", "", proto.read_text())
    package = re.search(r"^package ([\w.]+);", text, re.M)[1]  # type: ignore[index]
    tags = go_tags(proto.parent)
    messages = {}
    for message, body in _MESSAGE.findall(text):
        fields = []
        for label, kind, name, number in _FIELD.findall(body):
            shape = "list" if label == "repeated" else "one"
            fields.append(_field(package, tags, message, shape, kind, name, int(number)))
        for _, kind, name, number in _MAP.findall(body):
            fields.append(_field(package, tags, message, "map", kind, name, int(number)))
        messages[message] = sorted(fields)
    register = proto.parent / "register.go"
    group = _GROUP.search(register.read_text()) if register.exists() else None
    structs = {struct for struct, _ in tags}
    slices = [
        name
        for name, fields in messages.items()
        if name not in structs and [field[1:3] for field in fields] == [["items", "list"]]
    ]
    return package, group[1] if group else None, messages, slices


def _field(
    package: str, tags: dict[Any, Any], message: str, shape: str, kind: str, name: str, number: int
) -> list[Any]:
    """[number, JSON name, shape, type, marks]; marks: p pointer, i inlined, z kept when zero."""
    go_type, tag = tags.get((message, number), ("", name))
    json_name, *options = tag.split(",")
    marks = "p" if go_type.startswith("*") else ""
    if "inline" in options:
        marks += "i"
    if "omitempty" not in options and "omitzero" not in options:
        marks += "z"
    if kind not in _SCALARS:
        kind = kind.lstrip(".") if kind.startswith(".") else f"{package}.{kind}"
    return [number, json_name or name, shape, kind, marks]


def main() -> None:
    kubernetes, version = sys.argv[1:]
    messages: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    lists: list[str] = []
    for module in download(version):
        for proto in sorted(module.rglob("generated.proto")):
            package, group, found, slices = read_package(proto)
            lists += [f"{package}.{name}" for name in slices]
            for name, fields in found.items():
                messages[f"{package}.{name}"] = fields
                names = {field[1] for field in fields}
                if group is not None and "metadata" in names:
                    api_version = package.rpartition(".")[2]
                    full = f"{group}/{api_version}" if group else api_version
                    kinds[f"{full}/{name}"] = f"{package}.{name}"
    path = OUTPUT / f"kubernetes-{kubernetes}.json.gz"
    table = {"messages": messages, "kinds": kinds, "lists": lists}
    data = json.dumps(table, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{path}: {len(messages)} messages, {len(kinds)} kinds, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
