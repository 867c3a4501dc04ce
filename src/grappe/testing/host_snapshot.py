"""What a cluster could leave behind on a machine, listed before and after, and the difference.

Everything here only reads. Other programs start and end things at the same time, so a test
narrows the difference to what could be its own with `belonging_to`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/route_localnet",
    "net/bridge/bridge-nf-call-iptables",
)


@dataclass(frozen=True)
class HostSnapshot:
    """Kind (`links`, `mounts`, …) → one line of text for each thing of that kind."""

    things: dict[str, frozenset[str]]


@dataclass(frozen=True)
class Difference:
    """Lines `kind: text` that came and went between two snapshots."""

    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def __str__(self) -> str:
        return "\n".join([*(f"+ {x}" for x in self.added), *(f"- {x}" for x in self.removed)])

    def belonging_to(self, words: Iterable[str]) -> Difference:
        """Only the lines that contain one of the words: a cluster's name, its directory."""
        wanted = tuple(words)

        def ours(lines: Sequence[str]) -> tuple[str, ...]:
            return tuple(line for line in lines if any(word in line for word in wanted))

        return Difference(ours(self.added), ours(self.removed))


def snapshot(directories: Iterable[Path] = ()) -> HostSnapshot:
    """List everything now. `directories` are walked for files, besides /dev/shm and /run/grappe."""
    return HostSnapshot(
        {
            "link": _links(),
            "netns": _names(Path("/run/netns")),
            "mount": _mounts(),
            "cgroup": _cgroups(),
            "nftables": _lines("nft", "list", "tables"),
            "route": _lines("ip", "route", "show", "table", "all"),
            "rule": _lines("ip", "rule", "show"),
            "sysctl": _sysctls(),
            "process": _processes(),
            "file": _files([Path("/dev/shm"), Path("/run/grappe"), *directories]),
        }
    )


def diff(before: HostSnapshot, after: HostSnapshot) -> Difference:
    """What is in one and not in the other."""

    def only_in(one: HostSnapshot, other: HostSnapshot) -> tuple[str, ...]:
        return tuple(
            f"{kind}: {text}"
            for kind, texts in one.things.items()
            for text in sorted(texts - other.things.get(kind, frozenset()))
        )

    return Difference(added=only_in(after, before), removed=only_in(before, after))


def _lines(*command: str) -> frozenset[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return frozenset()
    return frozenset(line.strip() for line in done.stdout.splitlines() if line.strip())


def _links() -> frozenset[str]:
    done = subprocess.run(["ip", "-json", "address"], capture_output=True, text=True, check=True)
    found = []
    for link in json.loads(done.stdout):
        addresses = [a["local"] for a in link.get("addr_info", []) if a["family"] == "inet"]
        found.append(" ".join([link["ifname"], *addresses]))
    return frozenset(found)


def _names(folder: Path) -> frozenset[str]:
    return frozenset(os.listdir(folder)) if folder.is_dir() else frozenset()


def _mounts() -> frozenset[str]:
    """`mount point (file system type)`; proc(5), mountinfo."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        found.append(f"{fields.split()[4]} ({rest.split()[0]})")
    return frozenset(found)


def _cgroups() -> frozenset[str]:
    return frozenset(folder for folder, _, _ in os.walk(CGROUP_ROOT))


def _sysctls() -> frozenset[str]:
    root = Path("/proc/sys")
    return frozenset(
        f"{name} = {(root / name).read_text().strip()}"
        for name in SYSCTLS
        if (root / name).exists()
    )


def _processes() -> frozenset[str]:
    """`pid command line` of every process with one (kernel threads have none)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").strip()
        except OSError:
            continue
        if command:
            found.append(f"{entry.name} {command.decode(errors='replace')}")
    return frozenset(found)


def _files(folders: Iterable[Path]) -> frozenset[str]:
    found = set()
    for top in folders:
        for folder, _, files in os.walk(top):
            found.add(folder)
            found.update(os.path.join(folder, name) for name in files)
    return frozenset(found)
