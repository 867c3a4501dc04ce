"""The simulated runtime keeps the contract of runtimes and follows its scripts."""

import json
from pathlib import Path

import pytest

from grappe.node.runtime.interface import RuntimeFault
from grappe.node.runtime.simulated import SimulatedRuntime
from grappe.node.runtime.simulated.script import ANNOTATION, JOB_LABEL, parse
from grappe.testing import runtime_suite as suite


@pytest.fixture
async def given(tmp_path: Path):
    runtime = SimulatedRuntime("10.9.0.0/24", directory=tmp_path / "state")
    await runtime.start()
    script = {"runFor": 0.01, "exitCode": 3, "log": "hello"}
    yield suite.Given(
        runtime,
        "example.test/app:1",
        tmp_path / "logs",
        ending_annotations=((ANNOTATION, json.dumps(script)),),
    )
    await runtime.close()


@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__)
async def test_runtime_contract(check, given) -> None:
    await check(given)


async def test_a_restarted_runtime_finds_its_containers_running(given, tmp_path: Path) -> None:
    async with suite.running_sandbox(given) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, suite.container_config(given, config), config
        )
        await given.runtime.start_container(container)
        again = SimulatedRuntime("10.9.0.0/24", directory=tmp_path / "state")
        await again.start()
        assert (await again.container_status(container)).state == "running"
        assert (await again.sandbox_status(sandbox)).ips == (
            await given.runtime.sandbox_status(sandbox)
        ).ips
        await again.close()


async def test_a_container_due_to_end_ends_after_a_restart(given, tmp_path: Path) -> None:
    annotations = {ANNOTATION: json.dumps({"runFor": 0.05, "exitCode": 3})}
    async with suite.running_sandbox(given, annotations=annotations) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, suite.container_config(given, config), config
        )
        await given.runtime.start_container(container)
        await given.runtime.close()
        again = SimulatedRuntime("10.9.0.0/24", directory=tmp_path / "state")
        await again.start()
        await suite.wait_for_state(suite.Given(again, "", tmp_path), container, "exited")
        await again.close()


async def test_exec_is_refused_with_the_way_out(given) -> None:
    async with suite.running_sandbox(given) as (sandbox, config):
        container = await given.runtime.create_container(
            sandbox, suite.container_config(given, config), config
        )
        with pytest.raises(RuntimeFault, match="grappe up"):
            await given.runtime.exec(container, ["sh"], stdin=False, tty=False)


def test_job_containers_complete_and_others_run() -> None:
    assert parse({}, {JOB_LABEL: "x"}, "c").run_for == 1.0
    assert parse({}, {}, "c").run_for is None


def test_one_container_can_differ_from_the_others() -> None:
    text = json.dumps({"exitCode": 2, "containers": {"b": {"exitCode": 0, "runFor": 1}}})
    assert parse({ANNOTATION: text}, {}, "a").exit_code == 2
    assert parse({ANNOTATION: text}, {}, "b").run_for == 1


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"exitCode": -1}', '{"nope": 1}', '{"runFor": "2s"}', '{"containers": 1}']
)
def test_a_wrong_script_is_refused_naming_the_annotation(text: str) -> None:
    with pytest.raises(ValueError, match=r"grappe\.dev/simulate"):
        parse({ANNOTATION: text}, {}, "a")
