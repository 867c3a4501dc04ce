"""The client over real TLS against the real API server."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest
import yaml

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, EVENTS
from grappe.client import connect
from grappe.client.discovery import RESTMapper, UnknownKindError
from grappe.client.informer import Informer, running
from grappe.client.interface import TransportError
from grappe.reconcile.events import Recorder


@pytest.fixture
async def client(cluster):
    client = connect(await cluster.serve_https())
    yield client
    await client.close()


def config_map(name: str, value: str = "1") -> dict:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}


async def test_objects_are_made_read_changed_applied_listed_and_deleted(client):
    made = await client.create(CONFIG_MAPS, config_map("a"))
    changed = await client.update(CONFIG_MAPS, {**made, "data": {"value": "2"}})
    assert (await client.get(CONFIG_MAPS, "a", "default"))["data"] == {"value": "2"}
    with pytest.raises(ApiError) as conflict:
        await client.update(CONFIG_MAPS, made)
    assert (conflict.value.code, conflict.value.reason) == (409, "Conflict")
    patch = {"metadata": {"labels": {"app": "x"}}}
    await client.patch(CONFIG_MAPS, "a", patch, "default")
    applied = await client.apply(
        CONFIG_MAPS, config_map("a", "3"), field_manager="me", force=True, dry_run=True
    )
    assert applied["data"] == {"value": "3"}
    listed = await client.list(CONFIG_MAPS, "default", label_selector="app=x")
    assert [o["data"]["value"] for o in listed.items] == ["2"]
    uid = changed["metadata"]["uid"]
    with pytest.raises(ApiError) as wrong:
        await client.delete(CONFIG_MAPS, "a", "default", uid="another")
    assert wrong.value.code == 409
    await client.delete(CONFIG_MAPS, "a", "default", uid=uid)
    with pytest.raises(ApiError, match='configmaps "a" not found'):
        await client.get(CONFIG_MAPS, "a", "default")


async def test_a_kubeconfig_may_name_the_servers_certificate_as_its_authority(cluster):
    config = yaml.safe_load((await cluster.serve_https()).read_text())
    certificate = (cluster.config.pki_dir / "apiserver.crt").read_bytes()
    config["clusters"][0]["cluster"]["certificate-authority-data"] = b64encode(certificate).decode()
    kubeconfig = cluster.config.data_dir / "pinned"
    kubeconfig.write_text(yaml.safe_dump(config))
    client = connect(kubeconfig)
    assert (await client.create(CONFIG_MAPS, config_map("a")))["data"] == {"value": "1"}
    await client.close()


async def test_an_informer_follows_many_changes_made_at_once(client):
    informer = Informer(client, CONFIG_MAPS, "default", label_selector="kind=test")
    told: list[str] = []
    informer.add_handler(lambda kind, obj, old: told.append(kind))
    async with running(informer):
        objects = [config_map(f"c{n}") for n in range(100)]
        for obj in objects:
            obj["metadata"]["labels"] = {"kind": "test"}
        await asyncio.gather(*(client.create(CONFIG_MAPS, obj) for obj in objects))
        await asyncio.gather(
            *(client.delete(CONFIG_MAPS, f"c{n}", "default") for n in range(0, 100, 2))
        )
        async with asyncio.timeout(20):
            while told.count("DELETED") < 50:
                await asyncio.sleep(0.01)
        assert told.count("ADDED") == 100
        names = {o["metadata"]["name"] for o in informer.list()}
        assert names == {f"c{n}" for n in range(1, 100, 2)}


async def test_discovery_finds_builtin_kinds_and_their_scope(client):
    mapper = RESTMapper(client)
    deployments = await mapper.resource("apps/v1", "Deployment")
    assert (deployments.plural, deployments.namespaced) == ("deployments", True)
    assert "scale" in deployments.subresources
    assert not (await mapper.resource("v1", "Namespace")).namespaced
    with pytest.raises(UnknownKindError):
        await mapper.resource("apps/v1", "Widget")


async def test_a_server_that_goes_away_is_a_transport_error_and_an_informer_survives_it(cluster):
    client = connect(await cluster.serve_https())
    informer = Informer(client, CONFIG_MAPS, "default")
    task = asyncio.create_task(informer.run())
    await asyncio.wait_for(informer.synced.wait(), 10)
    await client.create(CONFIG_MAPS, config_map("a"))
    async with asyncio.timeout(10):
        while informer.get("default", "a") is None:  # now the watch is there
            await asyncio.sleep(0.01)
    await cluster._http.close(grace=0)
    with pytest.raises(TransportError):
        await client.get(CONFIG_MAPS, "a", "default")
    async with asyncio.timeout(10):
        while not informer.failure:
            await asyncio.sleep(0.01)
    assert informer.get("default", "a") is not None
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()


async def test_events_are_accepted_and_counted(client):
    recorder = Recorder(client, "test", "here")
    subject = await client.create(CONFIG_MAPS, config_map("subject"))
    for _ in range(3):
        recorder.event(subject, "Warning", "Odd", "something is odd")
    await recorder.flush()
    found = await client.list(EVENTS, "default", field_selector="involvedObject.name=subject")
    assert [(e["reason"], e["count"], e["type"]) for e in found.items] == [("Odd", 3, "Warning")]
