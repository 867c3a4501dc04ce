"""Secrets in the database file: not readable without the key, whatever happens."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import orjson
import pytest

from grappe.apiserver.encryption import sealer_of
from grappe.base.errors import UserError
from grappe.store.interface import Draft
from grappe.store.sqlite import SqliteStore

SECRETS = "/secrets"
VALUE = "correct-horse-battery-staple"


class Files:
    """One cluster's database and keys, opened as the server does."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / "state.db"
        self.keys = directory / "encryption.json"

    def open(self, *, sealed: bool = True) -> SqliteStore:
        return SqliteStore.open(self.database, sealing=sealer_of(self.keys) if sealed else None)

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.directory.glob("state.db*"))

    def configure(self, *providers: object) -> None:
        facts = {
            "kind": "EncryptionConfiguration",
            "apiVersion": "apiserver.config.k8s.io/v1",
            "resources": [{"resources": ["secrets"], "providers": list(providers)}],
        }
        self.keys.write_bytes(orjson.dumps(facts))

    def key(self) -> dict[str, str]:
        found = orjson.loads(self.keys.read_bytes())["resources"][0]["providers"]
        first: dict[str, str] = found[0]["aesgcm"]["keys"][0]
        return first


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def aesgcm(*keys: dict[str, str]) -> dict[str, object]:
    return {"aesgcm": {"keys": list(keys)}}


def key(name: str) -> dict[str, str]:
    return {"name": name, "secret": base64.b64encode(os.urandom(32)).decode()}


async def put(store: SqliteStore, name: str, value: str, bucket: str = SECRETS) -> None:
    body = orjson.dumps({"metadata": {"name": name}, "data": {"password": value}})[1:]
    live = store.latest(bucket, f"a/{name}")
    draft = Draft(body, {"app": name}, {"type": "Opaque"})
    await store.put(bucket, f"a/{name}", live.revision if live else 0, lambda _r: draft)


def value(store: SqliteStore, name: str) -> str:
    record = store.get(SECRETS, f"a/{name}")
    assert record is not None
    found: str = orjson.loads(b"{" + record.body)["data"]["password"]
    return found


async def test_no_byte_of_a_secret_is_in_the_file_or_its_log(files: Files) -> None:
    store = files.open()
    await put(store, "one", VALUE)
    await put(store, "plain", "visible", bucket="/configmaps")
    assert VALUE.encode() not in files.bytes()  # the write-ahead log
    assert b"visible" in files.bytes()
    await store.close()
    assert VALUE.encode() not in files.bytes()
    assert b"visible" in files.bytes()

    store = files.open()
    assert value(store, "one") == VALUE
    await store.close()


async def test_the_key_is_the_owners_alone_and_made_only_when_needed(files: Files) -> None:
    store = files.open()
    await put(store, "plain", "visible", bucket="/configmaps")
    assert not files.keys.exists()
    await put(store, "one", VALUE)
    assert stat.S_IMODE(files.keys.stat().st_mode) == 0o600
    await store.close()


async def test_what_an_older_grappe_wrote_plainly_is_encrypted_at_the_next_start(
    files: Files,
) -> None:
    store = files.open(sealed=False)
    for i in range(300):
        await put(store, "one", f"{VALUE}-{i}")
        await put(store, f"n{i}", f"{VALUE}-{i}")
    await store.close()
    assert VALUE.encode() in files.bytes()

    store = files.open()
    assert value(store, "one") == f"{VALUE}-299"
    assert VALUE.encode() not in files.bytes()
    await store.close()
    store = files.open()
    assert value(store, "n7") == f"{VALUE}-7"
    assert len(store.list(SECRETS, at=1)) == 1  # history too
    await store.close()


async def test_a_new_first_key_writes_and_the_old_one_can_be_removed_after_a_start(
    files: Files,
) -> None:
    store = files.open()
    await put(store, "one", VALUE)
    await store.close()
    old, new = files.key(), key("new")
    files.configure(aesgcm(new, old), {"identity": {}})
    await files.open().close()
    files.configure(aesgcm(new))
    store = files.open()
    assert value(store, "one") == VALUE
    await store.close()
    assert b"k8s:enc:aesgcm:v1:new:" in files.bytes()
    assert f"k8s:enc:aesgcm:v1:{old['name']}:".encode() not in files.bytes()


async def test_encryption_can_be_turned_off(files: Files) -> None:
    store = files.open()
    await put(store, "one", VALUE)
    await store.close()
    files.configure({"identity": {}}, aesgcm(files.key()))
    await files.open().close()
    assert VALUE.encode() in files.bytes()


async def test_a_lost_key_is_named_and_not_replaced(files: Files) -> None:
    store = files.open()
    await put(store, "one", VALUE)
    await store.close()
    name = files.key()["name"]
    kept = files.keys.read_bytes()
    files.keys.unlink()
    with pytest.raises(UserError) as caught:
        files.open()
    assert name in caught.value.message
    assert str(files.keys) in caught.value.message
    assert not files.keys.exists()

    files.keys.write_bytes(kept)
    store = files.open()
    assert value(store, "one") == VALUE
    await store.close()


async def test_a_wrong_key_is_named(files: Files) -> None:
    store = files.open()
    await put(store, "one", VALUE)
    await store.close()
    files.configure(aesgcm(key(files.key()["name"])))
    with pytest.raises(UserError) as caught:
        files.open()
    assert "is not the one that encrypted" in caught.value.message


async def test_a_row_moved_to_another_place_is_not_opened(files: Files) -> None:
    store = files.open()
    await put(store, "one", VALUE)
    await store.close()
    sealer = sealer_of(files.keys)
    body = b'"metadata":{}}'
    sealed = sealer.seal(SECRETS, b"here", body)
    assert sealer.unseal(b"here", sealed) == body
    with pytest.raises(UserError):
        sealer.unseal(b"there", sealed)
    with pytest.raises(UserError):
        sealer.unseal(b"here", sealed[:-1])
    with pytest.raises(UserError):
        sealer.unseal(b"here", b"k8s:enc:kms:v2:x:" + sealed)
