"""A server whose disk is full or whose files are all open: what it answered stays, what it cannot
do is said, and it goes on by itself once there is room again."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS
from grappe.assembly.ports import choose_port
from grappe.base.config import ClusterConfig
from grappe.client import connect
from grappe.client.interface import Client
from grappe.store.archive import files
from tests.crash.test_server_killed import config_map, server


async def until(true: Callable[[], Any], what: str) -> Any:
    async with asyncio.timeout(60):
        while not (found := true()):
            await asyncio.sleep(0.05)
    return found


async def create(client: Client, name: str, text: str = "") -> Object:
    return await client.create(CONFIG_MAPS, config_map(name, text))


async def refused(attempt: Awaitable[Object]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await attempt
    return caught.value


@asynccontextmanager
async def server_on_a_small_disk(
    config: ClusterConfig, size: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Client, Path]]:
    """Its data directory is a file system of its own; the last is the way in from here."""
    config.data_dir.mkdir()
    log = await asyncio.to_thread(config.data_dir.with_name("server.log").open, "ab")
    facts = json.dumps({"name": config.name, "port": config.port, "simulate": 1})
    command = (
        f"mount -t tmpfs -o size={size} small {config.data_dir}"
        f" && echo '{facts}' >{config.data_dir}/cluster.json"
        f" && exec {sys.executable} -m grappe.assembly.server {config.data_dir}"
    )
    process = await asyncio.create_subprocess_exec(
        "unshare", "-m", "sh", "-c", command, stdout=log, stderr=log
    )
    log.close()
    inside = Path(f"/proc/{process.pid}/root{config.data_dir}")
    client: Client | None = None
    try:
        async with asyncio.timeout(90):
            while client is None:
                assert process.returncode is None, "the server ended"
                try:
                    candidate = connect(inside / "kubeconfig")
                    await candidate.raw("GET", "/readyz")
                    client = candidate
                except Exception:
                    await asyncio.sleep(0.05)
        yield process, client, inside
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if client is not None:
            await client.close()


def fill(path: Path) -> None:
    """Take up all the room there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


@pytest.mark.crash
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
async def test_a_full_disk_refuses_writes_and_nothing_else(tmp_path: Path) -> None:
    """Database, archive and audit log are on it."""
    config = ClusterConfig("small", tmp_path / "data", choose_port(0), simulate=1)
    async with server_on_a_small_disk(config, "48m") as (process, client, inside):
        archive, audit = inside / "backups", inside / "logs" / "audit.log"
        await create(client, "before")
        await until(lambda: b'"before"' in audit.read_bytes(), "the write is audited")
        ballast = inside / "ballast"
        await asyncio.to_thread(fill, ballast)
        answered = ["before"]
        for number in range(200):  # what a file has reserved may still take a few
            try:
                await create(client, f"full-{number}", "x" * 100_000)
                answered.append(f"full-{number}")
            except ApiError as error:
                refusal = error
                break
        else:
            pytest.fail("nothing was refused")
        assert refusal.code == 500
        assert "the change could not be stored" in refusal.message
        assert "full" in refusal.message
        archived = [path.name for path, _ in files(archive)]
        process.send_signal(signal.SIGUSR1)
        said = tmp_path / "server.log"
        await until(lambda: "cannot write the archive" in said.read_text(), "it is refused")
        for _ in range(20):
            assert (await refused(create(client, "again", "x" * 100_000))).code == 500
        await until(lambda: "audit.log: No space left" in said.read_text(), "and the audit log")
        for name in answered:
            assert (await client.get(CONFIG_MAPS, name, "default"))["metadata"]["name"] == name

        ballast.unlink()
        await create(client, "after", "x" * 100_000)
        answered.append("after")
        process.send_signal(signal.SIGUSR1)
        await until(
            lambda: {path.name for path, _ in files(archive)} - set(archived), "it is archived"
        )
        assert not list(archive.glob("*.tmp"))
        await until(lambda: b'"after"' in audit.read_bytes(), "audited again")
        for line in audit.read_text().splitlines():
            json.loads(line)
        assert process.returncode is None
        kept = tmp_path / "kept"
        kept.mkdir()
        os.kill(process.pid, signal.SIGSTOP)  # the files as a crash would leave them
        for path in inside.glob("*"):
            if path.is_file():
                (kept / path.name).write_bytes(path.read_bytes())
    again = ClusterConfig("small", kept, choose_port(0), simulate=1)
    again.save()
    async with server(again) as (_, client):
        found = {o["metadata"]["name"] for o in (await client.list(CONFIG_MAPS, "default")).items}
        assert set(answered) <= found
        assert "again" not in found


@pytest.mark.crash
async def test_without_a_file_left_to_open_the_connected_are_served(tmp_path: Path) -> None:
    """New connections wait or are turned away until others end; nothing is lost."""
    config = ClusterConfig("files", tmp_path, choose_port(0), simulate=1)
    config.save()
    async with server(config) as (process, client):
        await create(client, "before")
        opened = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        limit = opened + 20
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, hard))
        others = []
        for _ in range(60):
            attempt = asyncio.open_connection("127.0.0.1", config.port)
            others.append(await asyncio.wait_for(attempt, 10))
        descriptors = Path(f"/proc/{process.pid}/fd")
        await until(lambda: len(list(descriptors.iterdir())) >= limit - 1, "all are taken")
        for number in range(20):
            await create(client, f"meanwhile-{number}")
        process.send_signal(signal.SIGUSR1)  # the archive needs a file too
        assert (await client.get(CONFIG_MAPS, "before", "default"))["data"] == {"text": ""}
        for _, writer in others:
            writer.close()
        await until(lambda: len(list(descriptors.iterdir())) < limit - 5, "they are closed")
        late = connect(config.kubeconfig)
        try:
            await create(late, "after")
        finally:
            await late.close()
        process.send_signal(signal.SIGUSR1)
        newest = int((await client.list(CONFIG_MAPS)).resource_version)
        await until(
            lambda: max((h.revision for _, h in files(config.archive_dir)), default=0) >= newest,
            "everything is archived",
        )
        assert process.returncode is None
    async with server(config) as (_, client):
        found = {o["metadata"]["name"] for o in (await client.list(CONFIG_MAPS, "default")).items}
        wanted = {"before", "after"} | {f"meanwhile-{number}" for number in range(20)}
        assert wanted <= found
