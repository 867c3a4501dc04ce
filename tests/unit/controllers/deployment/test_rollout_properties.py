"""Whatever the order in which controllers and pods move, a rolling update keeps its promises."""

from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.controllers.deployment.limits import limits
from grappe.controllers.deployment.rollout import newest, replicas, revision
from grappe.controllers.templates import comparable

from ..factories import deployment, template
from .model import Model

amounts = st.one_of(st.integers(0, 4), st.sampled_from(["0%", "10%", "25%", "34%", "50%", "100%"]))
moves = st.lists(
    st.one_of(
        st.just(("step", 0)),
        st.just(("step", 0)),
        st.tuples(st.sampled_from(["follow", "ready", "observe"]), st.integers(0, 9)),
        st.tuples(st.sampled_from(["follow", "ready", "observe"]), st.integers(0, 9)),
        st.tuples(st.just("image"), st.integers(0, 3)),
    ),
    max_size=80,
)


@st.composite
def rolled_out(draw: st.DrawFn) -> Model:
    rolling = {"maxSurge": draw(amounts), "maxUnavailable": draw(amounts)}
    subject = deployment(
        replicas=draw(st.integers(1, 8)),
        spec={
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "revisionHistoryLimit": draw(st.integers(0, 3)),
        },
    )
    model = Model(subject)
    model.settle()
    return model


def move(model: Model, kind: str, number: int) -> None:
    names = sorted(model.replicasets)
    match kind:
        case "step":
            model.step()
        case "follow":
            model.follow(names[number % len(names)])
        case "observe":
            model.observe(names[number % len(names)])
        case "ready":
            model.become_ready(number)
        case "image":
            model.edit(template=template(f"app:{number}"))


@settings(max_examples=500, deadline=None)
@given(rolled_out(), moves)
def test_a_rolling_update_keeps_its_limits_and_ends(
    model: Model, done: list[tuple[str, int]]
) -> None:
    wanted = replicas(model.deployment)
    most = wanted + limits(model.deployment).surge
    least = wanted - limits(model.deployment).unavailable
    assert model.ready == wanted
    for kind, number in done:
        move(model, kind, number)
        assert sum(map(replicas, model.replicasets.values())) <= most
        assert model.ready >= least
    model.settle()
    new = newest(model.deployment, model.replicasets.values())
    assert new is not None
    assert replicas(new) == wanted
    assert all(not replicas(rs) for rs in model.replicasets.values() if rs is not new)
    assert revision(new) == revision(model.deployment)
    assert revision(new) == max(map(revision, model.replicasets.values()))


@settings(max_examples=150, deadline=None)
@given(rolled_out(), st.lists(st.one_of(moves, st.integers(0, 12)), max_size=6))
def test_scaling_in_mid_rollout_ends_at_the_new_size(
    model: Model, done: list[list[tuple[str, int]] | int]
) -> None:
    for part in done:
        if isinstance(part, int):
            model.edit(replicas=part)
        else:
            for kind, number in part:
                move(model, kind, number)
    model.settle()
    new = newest(model.deployment, model.replicasets.values())
    assert new is not None
    assert replicas(new) == replicas(model.deployment)
    assert model.total == replicas(model.deployment)


@settings(max_examples=100, deadline=None)
@given(rolled_out(), moves)
def test_a_step_repeated_at_once_changes_nothing_more(
    model: Model, done: list[tuple[str, int]]
) -> None:
    for kind, number in done:
        move(model, kind, number)
    for _ in range(40):
        model.step()
    plan = model.plan()
    assert plan.create is None
    assert not plan.changes
    assert not plan.delete
    assert plan.report.status == model.deployment["status"]


@given(rolled_out())
def test_one_replicaset_for_each_template(model: Model) -> None:
    for image in ("app:2", "app:3", "app:2"):
        model.edit(template=template(image))
        model.settle()
    templates = [str(comparable(rs["spec"]["template"])) for rs in model.replicasets.values()]
    assert len(templates) == len(set(templates))
