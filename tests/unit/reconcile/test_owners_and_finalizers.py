from grappe.api.resources import CONFIG_MAPS
from grappe.base.clock import ManualClock
from grappe.reconcile import Key, finalizers, owners
from grappe.reconcile.versions import VersionTracker

from .memory_client import MemoryClient


def config_map(name: str = "a", **meta) -> dict:
    meta = {"name": name, "namespace": "ns", **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def test_the_reference_names_the_owner_and_is_recognised():
    owner = config_map("owner", uid="u1")
    child = config_map("child", ownerReferences=[owners.owner_reference(owner)])
    assert child["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "u1",
         "controller": True, "blockOwnerDeletion": True}
    ]  # fmt: skip
    assert owners.controller_of(child)["uid"] == "u1"
    assert list(owners.controller_uid(child)) == ["u1"]


def test_an_owner_that_does_not_control_is_no_controller():
    plain = owners.owner_reference(config_map("o", uid="u"), controller=False, block=False)
    child = config_map("child", ownerReferences=[plain])
    assert owners.controller_of(child) is None
    assert list(owners.controller_uid(config_map())) == []


async def test_a_finalizer_added_by_another_meanwhile_is_kept():
    client = MemoryClient()
    made = await client.create(CONFIG_MAPS, config_map(finalizers=["grappe/ours"]))

    def other():
        client.before_write = lambda: None
        stored = client.objects["configmaps", "ns", "a"]
        both = ["grappe/ours", "other/theirs"]
        stored["metadata"] |= {"finalizers": both, "resourceVersion": "77"}

    client.before_write = other
    assert finalizers.has(made, "grappe/ours")
    got = await finalizers.remove(client, CONFIG_MAPS, made, "grappe/ours")
    assert got["metadata"]["finalizers"] == ["other/theirs"]


async def test_removing_what_is_not_there_writes_nothing():
    client = MemoryClient()
    made = await client.create(CONFIG_MAPS, config_map(finalizers=["other/theirs"]))
    assert await finalizers.remove(client, CONFIG_MAPS, made, "grappe/ours") == made


async def test_removing_from_an_object_that_is_gone_is_no_error():
    client = MemoryClient()
    made = await client.create(CONFIG_MAPS, config_map(finalizers=["x/y"]))
    client.objects.clear()
    assert await finalizers.remove(client, CONFIG_MAPS, made, "x/y") is None


def test_a_copy_older_than_our_write_is_stale_until_it_catches_up():
    clock = ManualClock()
    tracker, key = VersionTracker(clock), Key("ns", "a")
    assert not tracker.is_stale(key, None)
    tracker.wrote(config_map(resourceVersion="10"))
    assert tracker.is_stale(key, None)
    assert tracker.is_stale(key, config_map(resourceVersion="9"))
    assert not tracker.is_stale(key, config_map(resourceVersion="10"))
    assert not tracker.is_stale(key, None)


def test_a_write_the_copy_never_shows_is_forgotten():
    clock = ManualClock()
    tracker, key = VersionTracker(clock), Key("ns", "a")
    tracker.wrote(config_map(resourceVersion="10"))
    clock.advance(31)
    assert not tracker.is_stale(key, None)
    tracker.wrote(config_map(resourceVersion="11"))
    tracker.forget(key)
    assert not tracker.is_stale(key, None)


def test_only_what_is_there_and_not_older_than_our_write_is_decided_on():
    tracker, key = VersionTracker(ManualClock()), Key("ns", "a")
    old, new = config_map(resourceVersion="9"), config_map(resourceVersion="10")
    tracker.wrote(new)
    assert tracker.newest(key, old) is None
    assert tracker.newest(key, new) is new
    tracker.wrote(config_map(resourceVersion="11"))
    assert tracker.newest(key, None) is None
    assert tracker.newest(key, new) is new  # another object of that name
