"""The contract of `grappe.node.runtime.interface.Runtime`, as checks every runtime passes.

    async def test_contract(check, runtime): await check(Given(runtime, …))

Each check cleans up what it made.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from grappe.node.runtime.config import ContainerConfig, Limits, SandboxConfig
from grappe.node.runtime.interface import (
    LABEL_CONTAINER_NAME,
    LABEL_POD_NAME,
    LABEL_POD_NAMESPACE,
    LABEL_POD_UID,
    NotFound,
    Runtime,
    RuntimeEvent,
    RuntimeFault,
)


@dataclass(frozen=True)
class Given:
    """The runtime under test, an image it has or can pull, and how to run something in it.

    `annotations(run_for, exit_code)` make a pod's containers end so; `forever` and `ending` are
    commands for runtimes that run real ones.
    """

    runtime: Runtime
    image: str
    log_directory: Path
    forever: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    ending_annotations: tuple[tuple[str, str], ...] = ()
    exit_code: int = 3


def sandbox_config(given: Given, **changes: object) -> SandboxConfig:
    uid = str(uuid.uuid4())
    config = SandboxConfig(
        name="suite",
        namespace="default",
        uid=uid,
        hostname="suite",
        log_directory=str(given.log_directory / uid),
        labels={
            LABEL_POD_NAME: "suite",
            LABEL_POD_NAMESPACE: "default",
            LABEL_POD_UID: uid,
        },
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def container_config(given: Given, sandbox: SandboxConfig, **changes: object) -> ContainerConfig:
    config = ContainerConfig(
        name="app",
        image=given.image,
        command=given.forever,
        log_path="app/0.log",
        labels={**sandbox.labels, LABEL_CONTAINER_NAME: "app"},
    )
    return replace(config, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def running_sandbox(
    given: Given, **changes: object
) -> AsyncIterator[tuple[str, SandboxConfig]]:
    config = sandbox_config(given, **changes)
    if await given.runtime.image_status(given.image) is None:
        await given.runtime.pull_image(given.image)
    sandbox = await given.runtime.run_sandbox(config)
    try:
        yield sandbox, config
    finally:
        await given.runtime.stop_sandbox(sandbox)
        await given.runtime.remove_sandbox(sandbox)


async def wait_for_state(given: Given, container: str, state: str, timeout: float = 20) -> None:
    async with asyncio.timeout(timeout):
        while True:
            if (await given.runtime.container_status(container)).state == state:
                return
            await asyncio.sleep(0.01)


async def a_sandbox_has_an_address_and_is_listed_by_pod_uid(given: Given) -> None:
    async with running_sandbox(given) as (sandbox, config):
        status = await given.runtime.sandbox_status(sandbox)
        assert status.ready
        assert len(status.ips) >= 1
        listed = await given.runtime.list_sandboxes(config.uid)
        assert [(s.id, s.ready, s.uid) for s in listed] == [(sandbox, True, config.uid)]
        assert await given.runtime.list_sandboxes("no-such-uid") == []


async def two_sandboxes_have_different_addresses(given: Given) -> None:
    async with running_sandbox(given) as (one, _), running_sandbox(given) as (two, _):
        first = await given.runtime.sandbox_status(one)
        second = await given.runtime.sandbox_status(two)
        assert first.ips != second.ips


async def a_stopped_sandbox_is_not_ready_and_stopping_twice_is_fine(given: Given) -> None:
    async with running_sandbox(given) as (sandbox, _):
        await given.runtime.stop_sandbox(sandbox)
        await given.runtime.stop_sandbox(sandbox)
        assert not (await given.runtime.sandbox_status(sandbox)).ready


async def removing_what_is_gone_is_fine_and_asking_for_it_is_not(given: Given) -> None:
    async with running_sandbox(given) as (sandbox, _):
        pass
    await given.runtime.remove_sandbox(sandbox)
    with suppress(NotFound):
        await given.runtime.sandbox_status(sandbox)
        raise AssertionError("the status of a removed sandbox was given")
    await given.runtime.stop_container("0" * 64, 0)
    await given.runtime.remove_container("0" * 64)
    with suppress(NotFound):
        await given.runtime.container_status("0" * 64)
        raise AssertionError("the status of a container that never was")


async def a_container_goes_from_created_to_running_to_exited(given: Given) -> None:
    async with running_sandbox(given) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, container_config(given, config, attempt=2), config
        )
        status = await given.runtime.container_status(container)
        assert (status.state, status.attempt, status.started_at) == ("created", 2, 0)
        await given.runtime.start_container(container)
        status = await given.runtime.container_status(container)
        assert status.state == "running", status
        assert status.created_at <= status.started_at, status
        assert status.image_ref, status
        await given.runtime.stop_container(container, 5)
        status = await given.runtime.container_status(container)
        assert status.state == "exited", status
        assert status.exit_code in (137, 143), status
        assert status.finished_at >= status.started_at, status
        listed = await given.runtime.list_containers(config.uid)
        assert [(c.id, c.name, c.state) for c in listed] == [(container, "app", "exited")]


async def a_running_container_takes_new_limits(given: Given) -> None:
    async with running_sandbox(given) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, container_config(given, config), config
        )
        await given.runtime.start_container(container)
        await given.runtime.update_container(container, Limits(cpu_shares=512))
        assert (await given.runtime.container_status(container)).state == "running"
    with suppress(NotFound):
        await given.runtime.update_container(container, Limits(cpu_shares=512))
        raise AssertionError("a container that is gone took new limits")


async def a_container_that_ends_by_itself_tells_its_code(given: Given) -> None:
    annotations = dict(given.ending_annotations)
    async with running_sandbox(given, annotations=annotations) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, container_config(given, config, command=given.ending), config
        )
        await given.runtime.start_container(container)
        await wait_for_state(given, container, "exited")
        status = await given.runtime.container_status(container)
        assert (status.exit_code, status.reason) == (given.exit_code, "Error")


async def who_hears_of_an_exit_sees_it(given: Given) -> None:
    annotations = dict(given.ending_annotations)

    async def next_exit() -> str:
        async for event in given.runtime.events():
            if event.kind == "exited":
                return event.container_id
        raise AssertionError("the events ended")

    listening = asyncio.create_task(next_exit())
    async with running_sandbox(given, annotations=annotations) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, container_config(given, config, command=given.ending), config
        )
        await given.runtime.start_container(container)
        async with asyncio.timeout(20):
            assert await listening == container
        assert (await given.runtime.container_status(container)).state == "exited"


async def an_exit_is_announced(given: Given) -> None:
    events: asyncio.Queue[RuntimeEvent] = asyncio.Queue()

    async def listen() -> None:
        async for event in given.runtime.events():
            events.put_nowait(event)

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(20):
            assert (await events.get()).kind == "lost"
            async with running_sandbox(given) as (sandbox, config):
                container = await given.runtime.create_container(
                    sandbox, container_config(given, config), config
                )
                await given.runtime.start_container(container)
                await given.runtime.stop_container(container, 0)
                while await events.get() != RuntimeEvent("exited", container):
                    pass
    finally:
        listening.cancel()


def _content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def logs_are_written_in_cri_format(given: Given) -> None:
    annotations = dict(given.ending_annotations)
    async with running_sandbox(given, annotations=annotations) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, container_config(given, config, command=given.ending), config
        )
        await given.runtime.start_container(container)
        await wait_for_state(given, container, "exited")
        path = Path(config.log_directory) / "app/0.log"
        async with asyncio.timeout(5):
            while True:
                if text := _content(path):
                    break
                await asyncio.sleep(0.01)
        stamp, stream, tag, _ = text.splitlines()[0].split(" ", 3)
        assert stamp.endswith("Z")
        assert (stream, tag) == ("stdout", "F")


async def removing_a_sandbox_removes_its_containers(given: Given) -> None:
    async with running_sandbox(given) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, container_config(given, config), config
        )
        await given.runtime.start_container(container)
    assert await given.runtime.list_containers(config.uid) == []


async def an_image_that_cannot_be_had_is_refused_with_its_name(given: Given) -> None:
    reference = "registry.invalid/nothing:1"
    assert await given.runtime.image_status(reference) is None
    refusal = ""
    try:
        await given.runtime.pull_image(reference)
    except RuntimeFault as fault:
        refusal = fault.message
    assert reference in refusal


async def images_are_listed_with_their_names(given: Given) -> None:
    if await given.runtime.image_status(given.image) is None:
        await given.runtime.pull_image(given.image)
    names = {tag for image in await given.runtime.list_images() for tag in image.tags}
    assert given.image in names


async def conditions_say_ready(given: Given) -> None:
    conditions = {c.type: c for c in await given.runtime.conditions()}
    assert conditions["RuntimeReady"].ok
    assert conditions["NetworkReady"].ok, conditions["NetworkReady"].message


CHECKS: tuple[Callable[[Given], Awaitable[None]], ...] = (
    a_sandbox_has_an_address_and_is_listed_by_pod_uid,
    two_sandboxes_have_different_addresses,
    a_stopped_sandbox_is_not_ready_and_stopping_twice_is_fine,
    removing_what_is_gone_is_fine_and_asking_for_it_is_not,
    a_container_goes_from_created_to_running_to_exited,
    a_running_container_takes_new_limits,
    a_container_that_ends_by_itself_tells_its_code,
    an_exit_is_announced,
    who_hears_of_an_exit_sees_it,
    logs_are_written_in_cri_format,
    removing_a_sandbox_removes_its_containers,
    an_image_that_cannot_be_had_is_refused_with_its_name,
    images_are_listed_with_their_names,
    conditions_say_ready,
)
