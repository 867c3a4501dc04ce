"""When a pod's volumes are written."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from grappe.base.clock import ManualClock
from grappe.node.pods.context import NodeContext
from grappe.node.pods.volumes import PodVolumes
from grappe.node.volumes.payload import MountFault

POD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "default", "uid": "u1", "labels": {"app": "web"}},
    "spec": {
        "containers": [
            {"name": "c", "envFrom": [{"configMapRef": {"name": "settings"}}]},
        ],
        "volumes": [{"name": "v", "secret": {"secretName": "key"}}],
    },
}


class Mounter:
    """Counts; `renew` is what it answers, `fault` what it raises, `during` runs while it writes."""

    def __init__(self) -> None:
        self.written = 0
        self.renew: float | None = None
        self.fault: BaseException | None = None
        self.during = lambda: None

    async def set_up(self, pod: object, ips: tuple[str, ...]) -> float | None:
        self.written += 1
        await asyncio.sleep(0)
        self.during()
        if self.fault is not None:
            raise self.fault
        return self.renew


class Node:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mounter = Mounter()
        self.kept: set[tuple[str, str, str]] = set()
        self.told: list[str] = []
        references = SimpleNamespace(keep=lambda uid, used: self.kept.update(used))
        context = SimpleNamespace(clock=self.clock, mounter=self.mounter, references=references)
        self.volumes = PodVolumes(cast(NodeContext, context))

    def tell(self, pod: object, type: str, reason: str, message: str) -> None:
        self.told.append(f"{type} {reason}: {message}")

    async def refresh(self) -> float | None:
        return await self.volumes.refresh(POD, ("10.0.0.1",), self.tell)


@pytest.fixture
def node() -> Node:
    return Node()


async def test_they_are_written_once_and_what_they_show_is_followed(node: Node) -> None:
    await node.volumes.set_up(POD, node.tell)
    assert await node.refresh() is None
    assert node.mounter.written == 1
    assert node.kept == {("configmap", "default", "settings"), ("secret", "default", "key")}


async def test_a_restarted_agent_writes_them_anew(node: Node) -> None:
    await node.refresh()
    assert node.mounter.written == 1


async def test_a_token_is_renewed_when_it_is_time(node: Node) -> None:
    node.mounter.renew = node.clock.now() + 60
    await node.volumes.set_up(POD, node.tell)
    assert await node.refresh() == node.mounter.renew
    assert node.mounter.written == 1
    node.clock.advance(60)
    await node.refresh()
    assert node.mounter.written == 2


async def test_a_changed_label_is_shown_and_a_changed_status_is_no_reason(node: Node) -> None:
    await node.refresh()
    node.volumes.pod_changed(POD, {**POD, "status": {"phase": "Running"}})
    await node.refresh()
    assert node.mounter.written == 1
    node.volumes.pod_changed(POD, {**POD, "metadata": {**POD["metadata"], "labels": {}}})
    await node.refresh()
    assert node.mounter.written == 2


async def test_a_change_while_they_are_written_is_written_too(node: Node) -> None:
    node.mounter.during = node.volumes.out_of_date
    await node.refresh()
    node.mounter.during = lambda: None
    await node.refresh()
    assert node.mounter.written == 2


async def test_a_failed_refresh_is_told_and_tried_again_after_ten_seconds(node: Node) -> None:
    node.mounter.fault = MountFault('configmap "settings" not found')
    assert await node.refresh() == node.clock.now() + 10
    await node.refresh()
    assert node.told == ['Warning FailedMount: configmap "settings" not found']
    node.clock.advance(10)
    node.mounter.fault = None
    assert await node.refresh() is None
    assert node.mounter.written == 2


async def test_a_refresh_that_is_cut_off_is_done_again(node: Node) -> None:
    node.mounter.fault = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await node.refresh()
    node.mounter.fault = None
    await node.refresh()
    assert node.mounter.written == 2
