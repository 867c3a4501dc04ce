from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from grappe.base.clock import rfc3339
from grappe.delivery.application import Automated, parse
from grappe.delivery.autosync import Hold, Start, decide

from .sync.strategies import compared, made, resources
from .test_application import application

NOW = 1_700_000_000.0
SPEC = application()["spec"]
APP = replace(parse(application()), automated=Automated(True, True, False))
DRIFT = [
    compared(made("ConfigMap", "a"), live=True, target=True),
    compared(made("ConfigMap", "b"), live=True, target=True, in_sync=True),
]


def last(phase="Succeeded", ago=0.0, revision="c1", **sync):
    at = rfc3339(NOW - ago)
    return {
        "phase": phase,
        "message": "m",
        "startedAt": at,
        "finishedAt": at,
        "operation": {"sync": sync},
        "syncResult": {"revision": revision, "source": SPEC["source"]},
    }


def decided(found=DRIFT, app=APP, before=None, now=NOW):
    return decide(app, SPEC, found, ["c1"], before, now)


def test_a_difference_to_a_new_commit_is_synced_whole():
    for before in (None, last(revision="c0"), last("Failed", revision="c0")):
        start = decided(before=before)
        assert isinstance(start, Start)
        assert start.operation["sync"] == {"prune": True, "revision": "c1"}
        assert start.operation["initiatedBy"] == {"automated": True}


def test_without_policy_or_difference_nothing_is_done():
    assert decided(app=replace(APP, automated=None)) == Hold()
    assert decided(found=DRIFT[1:]) == Hold()


def test_drift_after_a_sync_is_healed_at_once_and_only_where_it_is():
    start = decided(before=last())
    assert start.operation["sync"]["resources"] == [
        {"kind": "ConfigMap", "name": "a", "namespace": "shop"}
    ]
    assert start.operation["sync"]["autoHealAttemptsCount"] == 1


def test_without_self_heal_drift_stays():
    app = replace(APP, automated=Automated(True, False, False))
    assert decided(app=app, before=last()) == Hold()


@given(st.integers(1, 50), st.floats(0, 59))
def test_drift_that_keeps_coming_back_is_healed_ever_more_slowly(attempts, ago):
    before = last(ago=ago, autoHealAttemptsCount=attempts)
    pause = min(300.0, 2.0 * 3.0 ** (attempts - 1))
    decision = decided(before=before)
    elapsed = NOW - float(int(NOW - ago))
    if elapsed < pause:
        assert isinstance(decision, Hold)
        assert decision.again == pause - elapsed
    else:
        assert decision.operation["sync"]["autoHealAttemptsCount"] == attempts + 1


def test_after_a_calm_minute_healing_is_prompt_again():
    start = decided(before=last(ago=61, autoHealAttemptsCount=9))
    assert start.operation["sync"]["autoHealAttemptsCount"] == 1


def test_a_failed_sync_of_the_same_commit_waits_and_is_told():
    hold = decided(before=last("Failed", ago=60))
    assert hold == Hold(120.0, "Failed sync attempt to c1: m")
    assert isinstance(decided(before=last("Failed", ago=180)), Start)


def test_everything_to_be_pruned_is_refused_unless_allowed():
    gone = [compared(made("ConfigMap", "a"), live=True, target=False)]
    hold = decided(found=gone)
    assert "auto-sync will wipe out all resources" in hold.error
    allowed = replace(APP, automated=Automated(True, True, True))
    assert isinstance(decided(found=gone, app=allowed), Start)


def test_what_may_not_be_pruned_is_no_reason_to_sync():
    gone = compared(made("ConfigMap", "a"), live=True, target=False)
    kept = compared(made("ConfigMap", "c", sync_options="Prune=false"), live=True, target=False)
    app = replace(APP, automated=Automated(False, True, False))
    assert decided(found=[gone, DRIFT[1]], app=app) == Hold()
    assert decided(found=[kept, DRIFT[1]]) == Hold()


@given(
    resources(),
    st.sampled_from(["Succeeded", "Failed", "Error"]),
    st.sampled_from(["c0", "c1"]),
    st.floats(0, 1000),
    st.booleans(),
    st.booleans(),
)
def test_a_sync_is_started_only_for_a_difference(found, phase, revision, ago, prune, heal):
    app = replace(APP, automated=Automated(prune, heal, True))
    decision = decided(found, app, last(phase, ago, revision))
    drift = [c for c in found if not c.in_sync]
    if isinstance(decision, Start):
        assert drift
        assert decision.operation["sync"]["prune"] == prune
    elif drift and decision.again is None:
        only_prune = all(c.requires_pruning for c in drift)
        assert (revision == "c1" and phase == "Succeeded" and not heal) or (
            only_prune and not prune
        )
