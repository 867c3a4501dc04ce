import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.base.clock import parse_rfc3339
from grappe.delivery.application import Backoff, InvalidSpecError, Retry, parse
from grappe.delivery.resource import Ref
from grappe.delivery.sync import operation as operations
from grappe.delivery.sync.decide import Outcome

from ..test_application import application
from .strategies import resources, tasks_of

APP = parse(application())
SPEC = application()["spec"]
NOW = 1_700_000_000.0


def begun(**operation):
    return operations.begin(operation, SPEC, ["c1"], None, NOW)


def test_a_request_says_what_to_do():
    request = operations.parse_request(
        {
            "sync": {
                "revision": "v2",
                "prune": True,
                "dryRun": True,
                "syncStrategy": {"hook": {"force": True}},
                "resources": [{"kind": "ConfigMap", "name": "a"}],
                "syncOptions": ["Replace=true"],
            },
            "retry": {"limit": 2},
        },
        APP,
    )
    assert (request.prune, request.dry_run, request.force) == (True, True, True)
    assert request.sources[0].target_revision == "v2"
    assert request.only == frozenset({Ref("", "ConfigMap", "shop", "a")})
    assert (request.options.replace, request.retry.limit) == (True, 2)


def test_a_bare_request_syncs_as_the_application_says_and_is_not_retried():
    request = operations.parse_request({}, APP)
    assert request.sources == APP.sources
    assert request.options == APP.options
    assert (request.prune, request.only, request.retry.limit) == (False, None, 0)


def test_a_rollback_takes_the_source_it_names():
    source = {"repoURL": "https://example.com/old.git", "path": "old"}
    request = operations.parse_request({"sync": {"source": source, "revision": "c0"}}, APP)
    assert (request.sources[0].path, request.sources[0].target_revision) == ("old", "c0")
    with pytest.raises(InvalidSpecError):
        operations.parse_request({"sync": {"source": {**source, "chart": "x"}}}, APP)


def test_no_two_operations_start_in_one_second():
    first = begun()
    second = operations.begin({}, SPEC, ["c1"], first, NOW)
    third = operations.begin({}, SPEC, ["c1"], second, NOW + 10)
    starts = [parse_rfc3339(state["startedAt"]) for state in (first, second, third)]
    assert starts == [NOW, NOW + 1, NOW + 10]


@given(st.integers(-1, 4), st.lists(st.booleans(), max_size=8))
def test_a_failed_sync_is_tried_again_as_often_as_allowed(limit, tries):
    retry = Retry(limit, Backoff(2.0, 2, 60.0))
    state, now = begun(), NOW
    for failures, succeeds in enumerate(tries, start=1):
        state = operations.finish(state, "Succeeded" if succeeds else "Failed", "m", retry, now)
        if succeeds:
            assert state["phase"] == "Succeeded"
            return
        if 0 <= limit < failures:
            assert state["phase"] == "Failed"
            return
        assert state["phase"] == "Running"
        assert f"Retrying attempt #{failures}" in state["message"]
        due = operations.retry_at(state, retry)
        assert due == now + min(60.0, 2.0 * 2 ** (failures - 1))
        now = due
        state = operations.try_again(state)
        assert operations.retry_at(state, retry) is None
        assert state["syncResult"]["resources"] == []


@given(resources(), st.data())
def test_outcomes_survive_being_written_and_read(found, data):
    tasks = tasks_of(found)
    outcome = st.builds(
        Outcome,
        st.sampled_from(["Synced", "SyncFailed", "Pruned"]),
        st.sampled_from(["", "Running", "Succeeded", "Failed"]),
        st.text(max_size=5),
    )
    outcomes = {task.id: data.draw(outcome) for task in tasks}
    known = {task.id: task for task in tasks}
    state = operations.with_outcomes(begun(), known, outcomes)
    assert operations.outcomes_of(state) == outcomes
    # A process that has not seen the tasks keeps what is written of them.
    assert operations.with_outcomes(state, {}, operations.outcomes_of(state)) == state
