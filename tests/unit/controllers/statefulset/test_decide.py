"""StatefulSets in a model in which pods become available or are lost in any order."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.controllers.revisions import history, removable
from grappe.controllers.statefulset.decide import Plan, World, decide, replicas, start
from grappe.controllers.statefulset.pods import claims, make_pod, ordinal

from ..factories import NOW, at, pod, template

Object = dict[str, Any]


def statefulset(**more: Any) -> Object:
    spec: Object = {
        "replicas": 3,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "a"}},
        "template": template(),
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    }
    spec.update(more)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "default", "uid": "uid-db", "generation": 1},
        "spec": spec,
        "status": {},
    }


class Model:
    """Revisions are named r1, r2, …; `pods` maps ordinals to pods."""

    def __init__(self, sts: Object) -> None:
        self.sts = sts
        self.pods: dict[int, Object] = {}
        self.current = self.update = "r1"

    def step(self) -> Plan:
        plan = decide(World(self.sts, [*self.pods.values()], self.current, self.update), NOW)
        self.sts = {**self.sts, "status": plan.status}
        self.current = plan.current
        for number, revision in plan.create.items():
            assert number not in self.pods
            labels = {"app": "a", "controller-revision-hash": revision}
            self.pods[number] = pod(f"db-{number}", owner=self.sts, labels=labels, phase="Pending")
        for gone in plan.delete:
            meta = {**gone["metadata"], "deletionTimestamp": at(0)}
            number = ordinal(self.sts, gone)
            assert number is not None
            self.pods[number] = {**gone, "metadata": meta}
        return plan

    def become(self, number: int, **state: Any) -> None:
        old = self.pods[number]
        self.pods[number] = pod(
            f"db-{number}", owner=self.sts, labels=old["metadata"]["labels"], **state
        )

    def reap(self) -> None:
        for number, found in [*self.pods.items()]:
            if found["metadata"].get("deletionTimestamp"):
                del self.pods[number]

    def available(self) -> list[int]:
        return [
            n
            for n, p in self.pods.items()
            if p["status"]["conditions"] and not p["metadata"].get("deletionTimestamp")
        ]

    def settle(self) -> None:
        for _ in range(100):
            before = (self.sts, dict(self.pods))
            self.step()
            self.reap()
            for number, found in self.pods.items():
                if found["status"]["phase"] == "Pending":
                    self.become(number, ready=True)
            if before == (self.sts, self.pods):
                return
        raise AssertionError("does not settle")


moves = st.lists(
    st.tuples(
        st.sampled_from(["step", "step", "ready", "crash", "fail", "reap", "scale", "update"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


def move(model: Model, kind: str, number: int) -> None:
    alive = sorted(n for n, p in model.pods.items() if not p["metadata"].get("deletionTimestamp"))
    match kind:
        case "step":
            model.step()
        case "ready" if alive:
            model.become(alive[number % len(alive)], ready=True)
        case "crash" if alive:
            model.become(alive[number % len(alive)])
        case "fail" if alive:
            model.become(alive[number % len(alive)], phase="Failed")
        case "reap":
            model.reap()
        case "scale":
            model.sts["spec"]["replicas"] = number
        case "update":
            model.update = f"r{number + 1}"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["OrderedReady", "Parallel"]), st.integers(0, 2), moves)
def test_it_always_ends_with_the_wanted_pods_of_the_wanted_revision(
    policy: str, first: int, done: list[tuple[str, int]]
) -> None:
    model = Model(statefulset(podManagementPolicy=policy, ordinals={"start": first}))
    for kind, number in done:
        move(model, kind, number)
    # A pod of a bad revision that never becomes ready is for people to remove.
    for number, found in [*model.pods.items()]:
        if found["status"]["phase"] == "Running":
            model.become(number, ready=True)
    model.settle()
    wanted = range(start(model.sts), start(model.sts) + replicas(model.sts))
    assert sorted(model.pods) == [*wanted]
    hashes = {p["metadata"]["labels"]["controller-revision-hash"] for p in model.pods.values()}
    assert hashes <= {model.update}
    assert model.sts["status"]["currentRevision"] == model.update
    assert model.sts["status"].get("readyReplicas", 0) == replicas(model.sts)


@settings(max_examples=300, deadline=None)
@given(moves)
def test_in_order_one_at_a_time(done: list[tuple[str, int]]) -> None:
    model = Model(statefulset())
    for kind, number in done:
        before = set(model.available())
        if kind != "step":
            move(model, kind, number)
            continue
        plan = model.step()
        assert len(plan.create) + len(plan.delete) <= 1
        for made in plan.create:
            assert set(range(made)) <= before


def test_pods_are_removed_from_the_highest() -> None:
    model = Model(statefulset())
    model.settle()
    model.sts["spec"]["replicas"] = 1
    assert [p["metadata"]["name"] for p in model.step().delete] == ["db-2"]
    assert not model.step().delete
    model.reap()
    assert [p["metadata"]["name"] for p in model.step().delete] == ["db-1"]


def test_scaling_down_halts_while_several_are_not_ready() -> None:
    def deleted(*ready: bool, **spec: Any) -> list[str]:
        sts = statefulset(replicas=0, **spec)
        pods = [pod(f"db-{n}", owner=sts, ready=is_ready) for n, is_ready in enumerate(ready)]
        plan = decide(World(sts, pods, "r1", "r1"), NOW)
        return [p["metadata"]["name"] for p in plan.delete]

    assert deleted(True, True, True) == ["db-2"]
    assert deleted(False, False, True) == ["db-2"]
    assert deleted(True, True, False) == ["db-2"]
    assert deleted(False, False, False) == []
    assert deleted(False, True, False) == []
    everything = ["db-2", "db-1", "db-0"]
    assert deleted(False, False, False, podManagementPolicy="Parallel") == everything


def test_the_partition_holds_an_update_back() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    model = Model(statefulset(updateStrategy=strategy))
    model.settle()
    model.update = "r2"
    model.settle()
    hashes = [model.pods[n]["metadata"]["labels"]["controller-revision-hash"] for n in range(3)]
    assert hashes == ["r1", "r1", "r2"]
    assert model.sts["status"]["currentRevision"] == "r1"


def test_on_delete_replaces_nothing_by_itself() -> None:
    model = Model(statefulset(updateStrategy={"type": "OnDelete"}))
    model.settle()
    model.update = "r2"
    assert not model.step().delete


def test_a_pod_has_its_names_and_its_volumes() -> None:
    template_ = {"metadata": {"name": "data"}, "spec": {"resources": {}}}
    sts = statefulset(volumeClaimTemplates=[template_])
    revision = history(sts, []).newest
    made = make_pod(sts, revision, 1)
    assert made["metadata"]["name"] == made["spec"]["hostname"] == "db-1"
    assert made["spec"]["subdomain"] == "db"
    assert made["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert "$patch" not in str(made["spec"])
    [volume] = made["spec"]["volumes"]
    assert volume == {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}
    [wanted] = claims(sts, 1)
    assert wanted["metadata"]["name"] == "data-db-1"


def test_a_template_that_is_used_again_is_the_newest_revision() -> None:
    sts = statefulset()
    one = history(sts, []).newest
    two = history({**sts, "spec": {**sts["spec"], "template": template("app:2")}}, [one]).newest
    assert (one["revision"], two["revision"]) == (1, 2)
    assert history(sts, [one]) == history(sts, [one])
    back = history(sts, [one, two])
    assert back.renumber
    assert back.newest["metadata"]["name"] == one["metadata"]["name"]
    assert back.newest["revision"] == 3


def test_only_unused_old_revisions_are_forgotten() -> None:
    sts = statefulset(revisionHistoryLimit=1)
    listed = [{"metadata": {"name": f"r{n}"}, "revision": n} for n in range(1, 6)]
    gone = removable(sts, listed, {"r2", "r5"})
    assert [r["metadata"]["name"] for r in gone] == ["r1", "r3"]


def test_a_negative_limit_keeps_the_whole_history() -> None:
    listed = [
        {"metadata": {"name": f"r{number}"}, "revision": number, "data": {}} for number in range(4)
    ]
    assert removable({"spec": {"revisionHistoryLimit": -1}}, listed, set()) == []
    assert len(removable({"spec": {"revisionHistoryLimit": 1}}, listed, set())) == 3
