"""The Node object as the kubelet writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from grappe.node.machine import Machine, Pressures, inspect, judge, pressures
from grappe.node.registration import (
    allocatable,
    capacity,
    conditions,
    image_list,
    labels,
    pressure_conditions,
    ready_condition,
)
from grappe.node.runtime.interface import Image, RuntimeCondition
from grappe.node.settings import NodeSettings

SETTINGS = NodeSettings("c", "n1", "192.0.2.1", Path("/d"), labels={"zone": "a"})
MACHINE = Machine("amd64", 4, 8 << 30, 100 << 30, "6.1", "Debian", "m", "s", "b")


def test_capacity_is_the_machines_and_a_part_is_kept_back() -> None:
    assert capacity(MACHINE, SETTINGS)["memory"] == "8388608Ki"
    assert allocatable(MACHINE, SETTINGS)["memory"] == f"{(8 << 20) - 100 * 1024}Ki"
    assert allocatable(MACHINE, SETTINGS)["cpu"] == "4"


def test_labels_are_the_well_known_ones_and_the_settings() -> None:
    found = labels(MACHINE, SETTINGS)
    assert found["kubernetes.io/hostname"] == "n1"
    assert found["kubernetes.io/arch"] == "amd64"
    assert found["zone"] == "a"


def test_a_node_is_ready_when_its_runtime_and_network_are() -> None:
    fine = RuntimeCondition("RuntimeReady", True, "", "")
    assert ready_condition([fine], "")["reason"] == "KubeletReady"
    network = RuntimeCondition("NetworkReady", False, "NetworkPluginNotReady", "cni missing")
    found = ready_condition([fine, network], "")
    assert (found["status"], found["reason"]) == ("False", "KubeletNotReady")
    assert found["message"] == (
        "container runtime network not ready: NetworkReady=false "
        "reason:NetworkPluginNotReady message:cni missing"
    )
    assert ready_condition([], "container runtime is down: x")["status"] == "False"


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, Pressures()),
        ({"memory_available": 50 << 20}, Pressures(memory=True)),
        ({"disk_available": 500 << 20}, Pressures(disk=True)),
        ({"disk_available": 2 << 30}, Pressures()),
        ({"disk_size": 1 << 30, "disk_available": 200 << 20}, Pressures()),
        ({"pids": 950}, Pressures(pids=True)),
    ],
)
def test_pressures(facts: dict[str, int], found: Pressures) -> None:
    usual = {
        "memory_available": 1 << 30,
        "disk_available": 50 << 30,
        "disk_size": 100 << 30,
        "pids": 100,
        "pids_most": 1000,
    }
    assert judge(**{**usual, **facts}) == found


def test_pressure_is_told_in_the_kubelets_words() -> None:
    by_kind = {c["type"]: c for c in pressure_conditions(Pressures(disk=True))}
    disk, memory = by_kind["DiskPressure"], by_kind["MemoryPressure"]
    assert (disk["status"], disk["reason"]) == ("True", "KubeletHasDiskPressure")
    assert (memory["status"], memory["reason"]) == ("False", "KubeletHasSufficientMemory")
    assert memory["message"] == "kubelet has sufficient memory available"


def test_a_condition_changes_its_time_only_with_its_status() -> None:
    ready = ready_condition([], "")
    first = conditions(ready, Pressures(), [], 1000.0)
    later = conditions(ready, Pressures(disk=True), first, 2000.0)
    before, after = ({c["type"]: c for c in found} for found in (first, later))
    assert after["Ready"]["lastTransitionTime"] == before["Ready"]["lastTransitionTime"]
    assert after["Ready"]["lastHeartbeatTime"] != before["Ready"]["lastHeartbeatTime"]
    assert (
        after["DiskPressure"]["lastTransitionTime"] != before["DiskPressure"]["lastTransitionTime"]
    )


def test_the_largest_images_are_listed_with_all_their_names() -> None:
    images = [Image("i", ("a:1",), ("a@sha256:1",), 5, None, "", False)]
    images += [
        Image("j", ("b:1",), (), 9, None, "", False),
        Image("k", (), (), 99, None, "", False),
    ]
    assert image_list(images) == [
        {"names": ["b:1"], "sizeBytes": 9},
        {"names": ["a@sha256:1", "a:1"], "sizeBytes": 5},
    ]


def test_this_machine_can_be_inspected(tmp_path: Path) -> None:
    machine = inspect(tmp_path)
    assert machine.cpus >= 1
    assert machine.memory > 0
    assert isinstance(pressures(tmp_path), Pressures)
