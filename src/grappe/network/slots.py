"""Which slot a cluster gets, so that the address ranges of no two clusters of a machine overlap.

A slot is taken by a claim, one small file in `/run/grappe/slots` created with O_EXCL; by a
cluster that exists in the usual data directory but has not been started since boot; or by a
route or address of the host inside the slot's ranges, whoever put it there.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from grappe.base.config import ClusterConfig, default_data_dir
from grappe.base.errors import UserError
from grappe.network import iproute

SLOTS_DIR = Path("/run/grappe/slots")
_DRAFT = ".draft-"
LAST_SLOT = 73  # one more and the service and pod ranges meet

Network = ipaddress.IPv4Network


def link_cidr(config: ClusterConfig) -> str:
    """The /24 around the link between the machine and the node."""
    return str(ipaddress.ip_network(f"{config.node_ip}/24", strict=False))


def ranges(config: ClusterConfig) -> list[Network]:
    """Everything a cluster needs for itself: link, pods, services."""
    return [
        Network(link_cidr(config)),
        Network(config.pod_cidr),
        Network(config.service_cidr),
    ]


def choose(
    candidates: Iterable[tuple[int, list[Network]]], taken: set[int], busy: list[Network]
) -> int | None:
    """The first free slot, None when all are in use. Pure.

    A busy network within a slot's ranges would steal its packets: never chosen. One that is
    wider (a company's 10.0.0.0/8 behind a VPN) loses to our longer prefixes, so such a slot
    works and is taken when there is no better.
    """
    second_best = None
    for slot, wanted in candidates:
        if slot in taken:
            continue
        if any(theirs.subnet_of(ours) for ours in wanted for theirs in busy):
            continue
        if not any(theirs.overlaps(ours) for ours in wanted for theirs in busy):
            return slot
        if second_best is None:
            second_best = slot
    return second_best


def free_slot(name: str) -> int:
    """The slot for a new cluster, claimed for it until `release`; the same again if it has one.

    Raises UserError when none is left.
    """
    for slot, owner in _claims():
        if owner == name:
            return slot
    candidate = ClusterConfig(name=name, data_dir=Path("/"), port=0)
    busy = _host_networks()
    while True:
        taken = {slot for slot, _ in _claims()} | _slots_of_stopped_clusters()
        chosen = choose(
            ((s, ranges(replace(candidate, slot=s))) for s in range(LAST_SLOT + 1)), taken, busy
        )
        if chosen is None:
            raise UserError(
                "no free address range for another cluster: the host's routes or other clusters "
                "use all of 10.95.0.0/16, 10.96.0.0/11 and 10.171.0.0–10.244.0.0",
                "delete a cluster (grappe delete --cluster NAME), or a route (ip route)",
            )
        if _claim(chosen, name):
            return chosen


def hold(config: ClusterConfig) -> None:
    """Claim the slot a cluster already has; UserError when another cluster took it meanwhile."""
    if _claim(config.slot, config.name):
        return
    owner = dict(_claims()).get(config.slot)
    if owner != config.name:
        raise UserError(
            f"cluster {config.name} uses the same addresses as the running cluster {owner}",
            f"run: grappe delete --cluster {owner} (or delete and recreate {config.name})",
        )


def release(config: ClusterConfig) -> None:
    """Give the slot back and leave no file or empty directory behind. Idempotent."""
    if dict(_claims()).get(config.slot) == config.name:
        _path(config.slot).unlink(missing_ok=True)
    for draft in SLOTS_DIR.glob(f"{_DRAFT}*"):
        draft.unlink(missing_ok=True)  # of a killed process; one that lives writes it again
    for folder in (SLOTS_DIR, SLOTS_DIR.parent):
        with contextlib.suppress(OSError):  # not empty, or not there
            folder.rmdir()


def _path(slot: int) -> Path:
    return SLOTS_DIR / f"{slot}.json"


def _claim(slot: int, name: str) -> bool:
    """Complete when it appears: written aside, then linked, which fails if the name exists."""
    while True:
        SLOTS_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = SLOTS_DIR / f"{_DRAFT}{os.getpid()}"
        try:
            draft.write_text(json.dumps({"cluster": name}))
            os.link(draft, _path(slot))
            return True
        except FileExistsError:
            return False
        except FileNotFoundError:
            continue  # a `release` removed the directory in between
        finally:
            draft.unlink(missing_ok=True)


def _claims() -> Iterator[tuple[int, str]]:
    for path in sorted(SLOTS_DIR.glob("[0-9]*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            yield int(path.stem), json.loads(path.read_text())["cluster"]


def _slots_of_stopped_clusters() -> set[int]:
    found = set()
    for path in default_data_dir("any").parent.glob("*/cluster.json"):
        with contextlib.suppress(OSError, ValueError):
            facts: dict[str, Any] = json.loads(path.read_text())
            if not facts.get("simulate"):
                found.add(int(facts.get("slot", 0)))
    return found


def _host_networks() -> list[Network]:
    """Every IPv4 network the host has an address in or a route for, the default routes aside."""
    found = []
    for route in iproute.show("-4 route show table all"):
        destination = route["dst"]
        if destination != "default" and route.get("type") not in ("broadcast", "multicast"):
            found.append(Network(destination, strict=False))
    return [network for network in found if network.prefixlen > 0]
