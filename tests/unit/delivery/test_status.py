import string

from hypothesis import given
from hypothesis import strategies as st

from grappe.api.patch import merge_patch as apply_merge_patch
from grappe.delivery import status

from .sync.strategies import compared, made, resources
from .test_application import application

SPEC = application()["spec"]
NOW = 1_700_000_000.0

values = st.recursive(
    st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from(string.ascii_lowercase[:4]), values, max_size=4)


@given(mappings, mappings)
def test_the_patch_makes_the_one_of_the_other(before, after):
    patch = status.merge_patch(before, after)
    assert apply_merge_patch(before, patch) == after
    assert (patch == {}) == (before == after)


@given(resources())
def test_every_resource_is_listed_and_drift_makes_the_whole_out_of_sync(found):
    listed = status.resources(found)
    assert len(listed) == len(found)
    said = sorted((r["kind"], r["name"], r["status"] == "Synced") for r in listed)
    assert said == sorted((c.ref.kind, c.ref.name, c.in_sync) for c in found)
    sync = status.sync(SPEC, found, ["c1"])
    assert sync["status"] == ("Synced" if all(c.in_sync for c in found) else "OutOfSync")
    assert sync["revision"] == "c1"
    assert sync["comparedTo"] == {k: SPEC[k] for k in ("source", "destination")}


def test_what_may_stay_does_not_make_the_application_out_of_sync():
    for mark in ({"sync_options": "Prune=false"}, {"compare_options": "IgnoreExtraneous"}):
        extra = compared(made("ConfigMap", "x", **mark), live=True, target=False)
        assert status.sync(SPEC, [extra], ["c1"])["status"] == "Synced"


def test_the_time_of_health_is_that_of_its_last_change():
    first = status.health([], {}, NOW)
    assert first == {"status": "Healthy", "lastTransitionTime": "2023-11-14T22:13:20Z"}
    assert status.health([], {"health": first}, NOW + 60) == first
    missing = [compared(made("ConfigMap", "a"), live=False, target=True)]
    later = status.health(missing, {"health": first}, NOW + 60)
    assert later == {"status": "Missing", "lastTransitionTime": "2023-11-14T22:14:20Z"}


def test_conditions_keep_their_time_as_long_as_they_say_the_same():
    first = status.conditions([], [("SyncError", "a"), ("SyncError", "a")], NOW)
    assert [(c["type"], c["message"]) for c in first] == [("SyncError", "a")]
    second = status.conditions(first, [("SyncError", "a"), ("ComparisonError", "b")], NOW + 60)
    assert second[1] == first[0]
    assert status.conditions(second, [], NOW) == []


@given(st.integers(0, 4), st.integers(0, 8))
def test_history_keeps_the_newest_with_numbers_that_go_on(limit, syncs):
    state = {
        "startedAt": "2023-11-14T22:13:20Z",
        "operation": {"initiatedBy": {"automated": True}},
        "syncResult": {"revision": "c1", "source": SPEC["source"]},
    }
    kept = []
    for _ in range(syncs):
        kept = status.history(kept, state, limit, NOW)
    assert len(kept) == min(limit, syncs)
    if limit and syncs:
        assert [h["id"] for h in kept] == list(range(max(0, syncs - limit), syncs))


def test_images_are_found_in_pods_and_templates():
    pod = {"containers": [{"name": "a", "image": "web:1"}],
           "initContainers": [{"name": "i", "image": "init:1"}]}  # fmt: skip
    deployment = {**made("Deployment", "d"), "spec": {"template": {"spec": pod}}}
    found = [compared(deployment, live=True, target=True)]
    assert status.images(found) == ["init:1", "web:1"]
    assert status.images([compared(made("ConfigMap", "a"), live=True, target=True)]) == []
