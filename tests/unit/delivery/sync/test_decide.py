"""A sync carried out in a little world: whatever happens, it comes to the right end."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.delivery.health import Health
from grappe.delivery.sync.decide import Finish, Outcome, Run, Wait, blocked, decide, observe

from .strategies import compared, hook, hooks, made, resources, tasks_of

HEALTHY = Health("Healthy")


def healthy(obj):
    return HEALTHY


class World:
    """Applies tasks, some of which fail; what is applied becomes healthy when asked again."""

    def __init__(self, tasks, refuses=frozenset(), breaks=frozenset()):
        self.tasks = list(tasks)
        self.refuses, self.breaks = refuses, breaks
        self.outcomes = {}
        self.ran = []
        self.waits = 0

    def assess(self, obj):
        name = obj["metadata"]["name"]
        return Health("Degraded", "broken") if name in self.breaks else HEALTHY

    def step(self):
        """One look and one decision; the decision."""
        self.outcomes = observe(self.tasks, self.outcomes, self.assess)
        decision = decide(self.tasks, self.outcomes)
        if isinstance(decision, Run):
            assert decision.tasks
            for task in decision.tasks:
                assert task.id not in self.outcomes
                self.ran.append(task)
                self.outcomes[task.id] = self.do(task)
        elif isinstance(decision, Wait):
            self.waits += 1
            # Time passes: what is being deleted goes.
            self.tasks = [
                t for t in self.tasks
                if not (t.is_prune and self.outcomes.get(t.id, _NONE).status == "Pruned")
            ]  # fmt: skip
        return decision

    def do(self, task):
        if task.ref.name in self.refuses:
            return Outcome("SyncFailed", "Failed", "refused")
        if task.is_prune:
            return Outcome("Pruned", "Succeeded", "pruned")
        index = self.tasks.index(task)
        self.tasks[index] = replace(task, live=task.target)
        return Outcome("Synced", "Running", "applied")

    def finish(self):
        for _ in range(200):
            decision = self.step()
            if isinstance(decision, Finish):
                return decision
        raise AssertionError("it never ends")


_NONE = Outcome("", "")


@given(resources(), hooks())
@settings(max_examples=200)
def test_without_failures_everything_is_done_once_step_by_step(found, hooked):
    tasks = tasks_of(found, hooked)
    world = World(tasks)
    assert world.finish() == Finish("Succeeded", "successfully synced (all tasks run)")
    expected = [t.id for t in tasks if t.id.phase != "SyncFail"]
    assert [t.id for t in world.ran] == expected


@given(resources(), hooks(), st.sets(st.sampled_from(["a", "b", "c", "h1", "h2"])), st.booleans())
@settings(max_examples=200)
def test_after_a_failure_nothing_of_a_later_step_is_done_and_failure_hooks_are(
    found, hooked, bad, refused
):
    tasks = tasks_of(found, hooked)
    world = World(tasks, refuses=bad if refused else set(), breaks=set() if refused else bad)
    end = world.finish()
    regular = [t for t in world.ran if t.id.phase != "SyncFail"]
    failed = [t for t in regular if world.outcomes[t.id].failed]
    assert (end.phase == "Failed") == bool(failed)
    if failed:
        assert max(t.step for t in regular) == failed[0].step
        wanted = {t.id for t in tasks if t.id.phase == "SyncFail"}
        assert {t.id for t in world.ran if t.id.phase == "SyncFail"} == wanted
        assert "reason: " in end.message


@given(resources(), hooks(), st.integers(0, 30))
@settings(max_examples=100)
def test_a_sync_that_is_killed_anywhere_goes_on_and_repeats_nothing(found, hooked, killed):
    world = World(tasks_of(found, hooked))
    for _ in range(killed):
        if isinstance(world.step(), Finish):
            break
    again = World(world.tasks)
    again.outcomes = dict(world.outcomes)
    assert again.finish().phase == "Succeeded"
    assert not {t.id for t in again.ran} & {t.id for t in world.ran}


def test_a_plain_sync_is_over_when_everything_is_applied():
    """It does not wait for a rollout."""
    world = World(tasks_of([compared(made("Deployment", "web"), live=False, target=True)]))
    world.assess = lambda obj: Health("Progressing")
    assert world.finish().phase == "Succeeded"


def test_a_wave_waits_until_the_one_before_is_healthy():
    first = compared(made("Deployment", "web"), live=False, target=True)
    second = compared(made("ConfigMap", "late", 1), live=False, target=True)
    world = World(tasks_of([first, second]))
    world.assess = lambda obj: Health("Progressing")
    world.step()
    assert world.step() == Wait("waiting for healthy state of apps/Deployment/web")
    world.assess = healthy
    assert world.finish().phase == "Succeeded"


def test_a_hook_that_vanishes_before_its_result_was_seen_fails_the_sync():
    world = World(tasks_of([], [hook(made("Job", "h1"), "PreSync")]))
    world.step()
    world.tasks = [replace(t, live=None) for t in world.tasks]
    end = world.finish()
    assert end.phase == "Failed"
    assert "ttlSecondsAfterFinished" in end.message


def test_pruned_objects_are_waited_for():
    config = compared(made("ConfigMap", "a"), live=True, target=False)
    world = World(tasks_of([config]))
    world.step()
    decision = decide(world.tasks, world.outcomes)
    assert decision == Wait("waiting for deletion of /ConfigMap/a")


def test_kinds_that_are_not_served_block_a_sync_unless_they_come_with_it():
    widget = made("ConfigMap", "w")
    unserved = replace(compared(widget, live=False, target=True), resource=None)
    tasks = tasks_of([unserved])
    [outcome] = blocked(tasks, frozenset()).values()
    assert "could not find /ConfigMap for requested resource shop/w" in outcome.message
    assert blocked(tasks, frozenset({("", "ConfigMap")})) == {}
