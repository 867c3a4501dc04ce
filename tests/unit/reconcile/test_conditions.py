from hypothesis import given
from hypothesis import strategies as st

from grappe.base.clock import rfc3339
from grappe.reconcile import conditions

wanted = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Ready", "Progressing", "Available"]),
        "status": st.sampled_from(["True", "False", "Unknown"]),
        "reason": st.sampled_from(["A", "B"]),
    }
)


@given(st.lists(wanted, max_size=12))
def test_one_condition_of_each_type_whose_time_is_that_of_its_last_change(steps):
    state: list[dict] = []
    expected: dict[str, tuple[str, str]] = {}
    for now, step in enumerate(steps):
        before = [dict(c) for c in state]
        held = any(c == {**step, "lastTransitionTime": c["lastTransitionTime"]} for c in state)
        changed = conditions.with_condition(state, step, now)
        assert state == before
        assert (changed == state) == held
        state = changed
        if expected.get(step["type"], ("", ""))[0] != step["status"]:
            expected[step["type"]] = (step["status"], rfc3339(now))
    assert {c["type"]: (c["status"], c["lastTransitionTime"]) for c in state} == expected
    assert len(state) == len(expected)


def test_find_and_is_true_on_objects_without_status():
    assert conditions.find({"metadata": {}}, "Ready") is None
    assert not conditions.is_true({"status": {"conditions": None}}, "Ready")
    obj = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert conditions.is_true(obj, "Ready")
    assert conditions.without_condition(obj["status"]["conditions"], "Ready") == []
