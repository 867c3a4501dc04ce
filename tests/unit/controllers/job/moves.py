"""What may happen around a Job, in any order."""

from hypothesis import strategies as st

from .model import Model

moves = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(0, 6)),
        st.tuples(st.sampled_from(["succeed", "fail", "delete"]), st.integers(0, 20)),
        st.tuples(st.sampled_from(["kubelet", "wait"]), st.just(0)),
    ),
    max_size=60,
)


def move(model: Model, kind: str, number: int) -> None:
    running = model.running()
    match kind:
        case "step":
            model.step(writes=number)
        case "succeed" | "fail" if running:
            phase = "Succeeded" if kind == "succeed" else "Failed"
            model.end(running[number % len(running)], phase)
        case "delete" if model.pods:
            model.delete(sorted(model.pods)[number % len(model.pods)])
        case "kubelet":
            model.kubelet()
        case "wait":
            model.now += 601
