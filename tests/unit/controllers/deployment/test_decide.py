from typing import Any

import pytest

from grappe.controllers.deployment.decide import World, decide
from grappe.controllers.deployment.limits import Limits, limits
from grappe.controllers.deployment.rollout import (
    REVISION,
    REVISION_HISTORY,
    newest,
    replicas,
)
from grappe.controllers.templates import HASH_LABEL, template_hash

from ..factories import NOW, at, deployment, pod, template
from .model import Model

Object = dict[str, Any]


def condition(status: Object, kind: str) -> Object:
    return next(c for c in status["conditions"] if c["type"] == kind)


def rolled_out(**kwargs: Any) -> Model:
    model = Model(deployment(**kwargs))
    model.settle()
    return model


@pytest.mark.parametrize(
    ("size", "surge", "unavailable", "expected"),
    [
        (4, "25%", "25%", Limits(1, 1)),
        (2, "25%", "25%", Limits(1, 0)),
        (10, "25%", "25%", Limits(3, 2)),
        (3, 0, 0, Limits(0, 1)),
        (3, "0%", "10%", Limits(0, 1)),
        (3, 2, 10, Limits(2, 3)),
        (1, None, None, Limits(1, 0)),
    ],
)
def test_surge_is_rounded_up_and_unavailability_down(
    size: int, surge: Any, unavailable: Any, expected: Limits
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    spec = {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}
    assert limits(deployment(replicas=size, spec=spec)) == expected


def test_recreate_has_no_limits() -> None:
    assert limits(deployment(replicas=3, spec={"strategy": {"type": "Recreate"}})) == Limits(0, 0)


def test_the_first_replicaset() -> None:
    plan = Model(deployment(replicas=3, metadata={"annotations": {"note": "x"}})).plan()
    assert plan.create is not None
    digest = plan.create["metadata"]["labels"][HASH_LABEL]
    assert plan.create["metadata"]["name"] == f"web-{digest}"
    assert plan.create["spec"]["selector"]["matchLabels"] == {"app": "a", HASH_LABEL: digest}
    assert plan.create["spec"]["template"]["metadata"]["labels"] == {"app": "a", HASH_LABEL: digest}
    assert plan.create["metadata"]["annotations"] == {
        "note": "x",
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    assert plan.annotations == {REVISION: "1"}
    assert plan.create["spec"]["replicas"] == 3
    progressing = condition(plan.report.status, "Progressing")
    assert progressing["reason"] == "NewReplicaSetCreated"
    assert progressing["message"] == f'Created new replica set "web-{digest}"'
    available = condition(plan.report.status, "Available")
    assert (available["status"], available["reason"]) == ("False", "MinimumReplicasUnavailable")


def test_the_hash_depends_on_the_template_alone() -> None:
    one = template_hash(template("app:1"), 0)
    assert one == template_hash({"spec": template("app:1")["spec"], **template("app:1")}, 0)
    assert one != template_hash(template("app:2"), 0)
    assert one != template_hash(template("app:1"), 1)
    assert len(one) == 10


def test_status_of_a_complete_rollout() -> None:
    model = rolled_out(replicas=2)
    status = model.deployment["status"]
    assert {k: v for k, v in status.items() if k != "conditions"} == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
    }
    assert condition(status, "Available")["reason"] == "MinimumReplicasAvailable"
    progressing = condition(status, "Progressing")
    assert progressing["reason"] == "NewReplicaSetAvailable"
    assert progressing["message"].endswith("has successfully progressed.")


def test_the_new_one_grows_before_the_old_one_shrinks() -> None:
    model = rolled_out(replicas=2)
    model.edit(template=template("app:2"))
    plan = model.step()
    assert plan.create is not None
    assert plan.create["spec"]["replicas"] == 1
    assert not plan.changes
    name = plan.create["metadata"]["name"]
    model.follow(name)
    assert not model.step().changes
    model.pods[name] = [True]
    model.observe(name)
    [change] = model.step().changes
    old = change.replicaset["metadata"]["name"]
    assert change.event == f"Scaled down replica set {old} from 2 to 1"


def test_pods_a_replicaset_is_about_to_lose_do_not_count_as_available() -> None:
    rolling = {"maxSurge": 1, "maxUnavailable": 1}
    model = rolled_out(
        replicas=5, spec={"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}
    )
    [old] = model.replicasets
    model.edit(template=template("app:2"))
    model.step()
    [new] = set(model.replicasets) - {old}
    assert (replicas(model.replicasets[old]), replicas(model.replicasets[new])) == (4, 1)
    model.follow(new)
    model.pods[new] = [True]
    model.observe(new)
    for _ in range(5):
        model.step()  # the old ReplicaSet still reports five
    sizes = (replicas(model.replicasets[old]), replicas(model.replicasets[new]))
    assert sizes == (3, 3) or sizes == (3, 2)
    model.follow(old)
    assert model.ready >= 4


def test_a_rollback_reuses_the_old_replicaset_and_gives_it_a_new_revision() -> None:
    model = rolled_out(replicas=1)
    [first] = model.replicasets
    model.edit(template=template("app:2"))
    model.settle()
    model.edit(template=template("app:1"))
    model.settle()
    assert len(model.replicasets) == 2
    new = newest(model.deployment, model.replicasets.values())
    assert new is not None
    assert new["metadata"]["name"] == first
    assert new["metadata"]["annotations"][REVISION] == "3"
    assert new["metadata"]["annotations"][REVISION_HISTORY] == "1"
    assert model.deployment["metadata"]["annotations"][REVISION] == "3"


def test_a_revision_that_is_no_number_holds_up_nothing() -> None:
    model = rolled_out(replicas=2)
    [rs] = model.replicasets.values()
    rs["metadata"]["annotations"][REVISION] = "mine"
    model.deployment["spec"]["replicas"] = 3
    model.settle()
    [rs] = model.replicasets.values()
    assert replicas(rs) == 3
    assert rs["metadata"]["annotations"][REVISION] == "mine"


def test_history_is_cut_to_its_limit() -> None:
    model = rolled_out(replicas=1, spec={"revisionHistoryLimit": 2})
    for number in range(2, 7):
        model.edit(template=template(f"app:{number}"))
        model.settle()
    revisions = sorted(rs["metadata"]["annotations"][REVISION] for rs in model.replicasets.values())
    assert revisions == ["4", "5", "6"]


def test_recreate_waits_until_the_last_old_pod_is_gone() -> None:
    model = rolled_out(replicas=2, spec={"strategy": {"type": "Recreate"}})
    [old] = model.replicasets
    model.edit(template=template("app:2"))
    plan = model.step()
    assert plan.create is None
    assert [replicas(rs) for rs in model.replicasets.values()] == [0]
    leaving = pod("x", owner=model.replicasets[old], deleting=True)
    world = World(model.deployment, tuple(model.replicasets.values()), (leaving,))
    assert decide(world, NOW).create is None
    model.settle()
    new = newest(model.deployment, model.replicasets.values())
    assert new is not None
    assert replicas(new) == 2


def test_a_paused_deployment_scales_but_does_not_roll_out() -> None:
    model = rolled_out(replicas=2)
    model.edit(paused=True, template=template("app:2"), replicas=3)
    plan = model.step()
    assert plan.create is None
    assert [replicas(rs) for rs in model.replicasets.values()] == [3]
    paused = condition(plan.report.status, "Progressing")
    assert (paused["status"], paused["reason"]) == ("Unknown", "DeploymentPaused")
    model.edit(paused=False)
    model.settle()
    assert (
        condition(model.deployment["status"], "Progressing")["reason"] == "NewReplicaSetAvailable"
    )


def test_scaling_in_mid_rollout_is_shared_in_proportion() -> None:
    rolling = {"maxSurge": 3, "maxUnavailable": 2}
    model = rolled_out(
        replicas=10, spec={"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}
    )
    model.edit(template=template("app:2"))
    model.step()
    model.step()
    sizes = sorted(map(replicas, model.replicasets.values()))
    assert sizes == [5, 8]
    model.edit(replicas=15)
    model.step()
    assert sorted(map(replicas, model.replicasets.values())) == [7, 11]


def test_no_progress_within_the_deadline() -> None:
    model = Model(deployment(replicas=1, spec={"progressDeadlineSeconds": 60}))
    model.step()
    [name] = model.replicasets
    model.follow(name)
    plan = model.step()
    assert plan.report.look_again_at is not None
    assert condition(plan.report.status, "Progressing")["reason"] == "ReplicaSetUpdated"
    model.now = plan.report.look_again_at
    plan = model.step()
    stuck = condition(plan.report.status, "Progressing")
    assert (stuck["status"], stuck["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert stuck["message"] == f'ReplicaSet "{name}" has timed out progressing.'
    model.pods[name] = [True]
    model.observe(name)
    done = condition(model.step().report.status, "Progressing")
    assert (done["status"], done["reason"]) == ("True", "NewReplicaSetAvailable")


def test_a_deployment_that_is_being_deleted_only_reports() -> None:
    model = rolled_out(replicas=1)
    model.deployment["metadata"]["deletionTimestamp"] = at(0)
    model.edit(template=template("app:2"), replicas=5)
    plan = model.plan()
    assert (plan.create, plan.changes, plan.delete) == (None, (), ())
