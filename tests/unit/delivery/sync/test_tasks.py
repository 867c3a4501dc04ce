from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.application import SyncOptions
from grappe.delivery.resource import Ref
from grappe.delivery.sync.order import kind_rank
from grappe.delivery.sync.tasks import build_tasks

from .strategies import compared, hook, hooks, made, resources, tasks_of


@given(resources(), hooks())
def test_every_resource_has_one_task_and_every_hook_one_for_each_phase(found, hooked):
    tasks = tasks_of(found, hooked)
    assert {t.ref for t in tasks if not t.is_hook} == {c.ref for c in found}
    assert sum(t.is_hook for t in tasks) == sum(len(h.phases) for h in hooked)
    assert len({t.id for t in tasks}) == len(tasks)


@given(resources(), hooks())
def test_tasks_are_in_order_of_phase_wave_and_kind(found, hooked):
    tasks = tasks_of(found, hooked)
    assert [t.step for t in tasks] == sorted(t.step for t in tasks)
    for before, after in pairwise(tasks):
        if before.step == after.step:
            assert before.is_prune >= after.is_prune
            if before.is_prune == after.is_prune:
                ranks = kind_rank(before.ref), kind_rank(after.ref)
                assert ranks[0] >= ranks[1] if before.is_prune else ranks[0] <= ranks[1]


@given(resources())
def test_pruning_goes_through_the_waves_backwards(found):
    pruned = [t for t in tasks_of(found) if t.is_prune]
    own = {c.ref: c.wave for c in found}
    waves = [own[t.ref] for t in pruned]
    assert waves == sorted(waves, reverse=True)


@given(resources())
def test_prune_last_prunes_after_everything_else(found):
    tasks = tasks_of(found, prune_last=True)
    assert [t.is_prune for t in tasks] == sorted(t.is_prune for t in tasks)


def test_a_missing_namespace_is_made_before_everything_unless_a_manifest_brings_it():
    config = compared(made("ConfigMap", "a", -5), live=False, target=True)
    early = hook(made("Job", "h", -9), "PreSync")
    tasks = tasks_of([config], [early], create_namespace=True)
    assert (tasks[0].ref, tasks[0].creates_namespace) == (Ref("", "Namespace", "", "shop"), True)
    own = compared(made("Namespace", "shop"), live=False, target=True)
    assert not any(t.creates_namespace for t in tasks_of([own, config], create_namespace=True))


def test_a_namespaces_labels_come_from_the_application():
    tasks = build_tasks(
        [], [], SyncOptions(create_namespace=True), only=None, namespace="shop",
        namespace_metadata={"labels": {"a": "b"}, "other": 1}, suffix="",
    )  # fmt: skip
    assert tasks[0].target["metadata"] == {"name": "shop", "labels": {"a": "b"}}


@given(resources(), hooks(), st.data())
def test_a_selective_sync_is_of_those_resources_and_without_hooks(found, hooked, data):
    refs = [c.ref for c in found]
    only = frozenset(data.draw(st.sets(st.sampled_from(refs)))) if refs else frozenset()
    tasks = build_tasks(
        found, hooked, SyncOptions(), only=only, namespace="shop", namespace_metadata=None,
        suffix="",
    )  # fmt: skip
    assert {t.ref for t in tasks} == only


@given(resources())
def test_out_of_sync_only_leaves_the_rest_alone(found):
    tasks = tasks_of(found, apply_out_of_sync_only=True)
    assert {t.ref for t in tasks} == {c.ref for c in found if not c.in_sync}


def test_a_hook_without_a_name_gets_one_for_each_phase():
    job = made("Job", "unused")
    del job["metadata"]["name"]
    job["metadata"]["generateName"] = "migrate-"
    target = replace(hook(made("Job", "migrate-"), "PreSync", "PostSync"), object=job)
    names = [t.target["metadata"]["name"] for t in tasks_of([], [target])]
    assert names == ["migrate-abc-presync-1", "migrate-abc-postsync-1"]
