"""The server as a process: start, stop, and what is there afterwards."""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from grappe.api.resources import CONFIG_MAPS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from grappe.base.config import ClusterConfig
from grappe.client import connect
from grappe.client.rest import RestClient


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    ClusterConfig("test", tmp_path, port=0, simulate=1).save()
    return tmp_path


@asynccontextmanager
async def server(data_dir: Path) -> AsyncIterator[tuple[RestClient, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "grappe.assembly.server",
        str(data_dir),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            while b"serving on" not in (line := await process.stderr.readline()):
                assert line, "the server ended"
        client = connect(data_dir / "kubeconfig")
        try:
            yield client, process
        finally:
            await client.close()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_serves_stops_when_asked_and_keeps_what_was_written(data_dir: Path) -> None:
    config_map = {"metadata": {"name": "a", "namespace": "default"}, "data": {"k": "v"}}
    async with server(data_dir) as (client, process):
        port = json.loads((data_dir / "cluster.json").read_text())["port"]
        made = await client.create(CONFIG_MAPS, config_map)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    async with server(data_dir) as (client, _):
        assert json.loads((data_dir / "cluster.json").read_text())["port"] == port
        assert await client.get(CONFIG_MAPS, "a", "default") == made


async def test_a_watch_ends_cleanly_when_it_stops(data_dir: Path) -> None:
    async with server(data_dir) as (client, process):
        port = json.loads((data_dir / "cluster.json").read_text())["port"]
        pki = data_dir / "pki"
        tls = ssl.create_default_context(cafile=pki / "ca.crt")
        tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        path = "/api/v1/namespaces/default/configmaps?watch=true"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        made = await client.create(CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "default"}})
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            told = await reader.read()
            assert await process.wait() == 0
        writer.close()
        assert made["metadata"]["uid"].encode() in told
        assert told.endswith(b"0\r\n\r\n")


async def test_it_may_hold_as_many_connections_as_the_machine_allows(data_dir: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        async with server(data_dir) as (_, process):
            limits = Path(f"/proc/{process.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (line,) = (one for one in limits.splitlines() if one.startswith("Max open files"))
    assert line.split()[3] == line.split()[4] == str(hard)


async def test_a_write_it_acknowledged_survives_its_death(data_dir: Path) -> None:
    made = []
    async with server(data_dir) as (client, process):
        for n in range(20):
            obj = {"metadata": {"name": f"c-{n}", "namespace": "default"}}
            made.append(await client.create(CONFIG_MAPS, obj))
        process.kill()
        await process.wait()
    async with server(data_dir) as (client, _):
        for obj in made:
            assert await client.get(CONFIG_MAPS, obj["metadata"]["name"], "default") == obj


async def test_a_secret_is_in_none_of_its_files(data_dir: Path) -> None:
    value = "correct-horse-battery-staple"
    encoded = base64.b64encode(value.encode()).decode()
    secret = {"metadata": {"name": "a", "namespace": "default"}, "stringData": {"k": value}}
    async with server(data_dir) as (client, process):
        made = await client.create(SECRETS, secret)
        assert made["data"] == {"k": encoded}
        process.kill()
        await process.wait()
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert data_dir / "state.db-wal" in files
    for path in files:
        content = path.read_bytes()
        assert value.encode() not in content, path
        assert encoded.encode() not in content, path
    async with server(data_dir) as (client, _):
        assert await client.get(SECRETS, "a", "default") == made


async def test_controllers_run_in_it(data_dir: Path) -> None:
    async with server(data_dir) as (client, _):
        await client.create(NAMESPACES, {"metadata": {"name": "team"}})
        listed = await client.list(SERVICE_ACCOUNTS, "team")
        if not listed.items:
            async with asyncio.timeout(10):
                async for event in client.watch(
                    SERVICE_ACCOUNTS, "team", resource_version=listed.resource_version
                ):
                    assert event.object["metadata"]["name"] == "default"
                    break
        before = (await client.list(NAMESPACES)).resource_version
        await client.delete(NAMESPACES, "team")
        async with asyncio.timeout(20):
            async for event in client.watch(
                NAMESPACES, resource_version=before, field_selector="metadata.name=team"
            ):
                if event.type == "DELETED":
                    break


async def test_a_damaged_directory_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "grappe.assembly.server",
        str(tmp_path),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        _, told = await process.communicate()
    assert process.returncode == 1
    assert b"is damaged" in told
    assert b"Traceback" not in told
