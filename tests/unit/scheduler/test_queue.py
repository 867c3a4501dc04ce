from grappe.scheduler.queue import LONGEST_WAIT, Queue, backoff

from .factories import pod


def test_higher_priority_first_then_older() -> None:
    queue = Queue()
    for name, priority in (("a", 0), ("b", 10), ("c", 0), ("d", 10)):
        queue.put(pod(name, priority=priority))
    popped = [queue.pop(0.0) for _ in range(5)]
    assert [p.name if p else None for p in popped] == ["b", "d", "a", "c", None]


def test_back_off_doubles_up_to_ten_seconds() -> None:
    assert [backoff(n) for n in (1, 2, 3, 4, 5, 50)] == [1, 2, 4, 8, 10, 10]


def test_an_unschedulable_pod_waits_for_a_change_and_at_least_its_back_off() -> None:
    queue = Queue()
    queue.put(pod("a"))
    assert queue.pop(0.0)
    queue.fail("uid-a", 0.0, unschedulable=True)
    assert queue.pop(100.0) is None
    queue.cluster_changed()
    assert queue.pop(100.0)
    queue.fail("uid-a", 100.0, unschedulable=True)
    queue.cluster_changed()
    assert queue.pop(101.0) is None
    assert queue.next_time() == 102.0
    assert queue.pop(102.0)


def test_an_unschedulable_pod_is_tried_again_after_five_minutes_whatever_happens() -> None:
    queue = Queue()
    queue.put(pod("a"))
    queue.pop(0.0)
    queue.fail("uid-a", 0.0, unschedulable=True)
    assert queue.next_time() == LONGEST_WAIT
    assert queue.pop(LONGEST_WAIT)


def test_a_change_during_the_try_is_not_missed() -> None:
    queue = Queue()
    queue.put(pod("a"))
    queue.pop(0.0)
    queue.cluster_changed()
    queue.fail("uid-a", 0.0, unschedulable=True)
    assert queue.next_time() == 1.0


def test_a_change_that_concerns_others_leaves_it_parked() -> None:
    queue = Queue()
    queue.put(pod("a"))
    queue.pop(0.0)
    queue.fail("uid-a", 0.0, unschedulable=True)
    queue.cluster_changed(lambda p: bool(p.affinity))
    assert queue.next_time() == LONGEST_WAIT


def test_an_error_is_retried_after_the_back_off_without_a_change() -> None:
    queue = Queue()
    queue.put(pod("a"))
    queue.pop(0.0)
    queue.fail("uid-a", 0.0, unschedulable=False)
    assert queue.pop(0.5) is None
    assert queue.pop(1.0)


def test_a_pod_that_asks_for_less_is_tried_at_once() -> None:
    queue = Queue()
    queue.put(pod("a", cpu="2"))
    queue.pop(0.0)
    queue.fail("uid-a", 0.0, unschedulable=True)
    queue.put(pod("a", cpu="2", status={"phase": "Pending"}))
    assert queue.pop(50.0) is None
    queue.put(pod("a", cpu="1"))
    found = queue.pop(50.0)
    assert found
    assert found.requests == {"cpu": 1000}


def test_gated_pods_wait_until_their_gates_are_gone() -> None:
    queue = Queue()
    queue.put(pod("a", schedulingGates=[{"name": "g"}]))
    queue.cluster_changed()
    assert queue.pop(1000.0) is None
    queue.put(pod("a"))
    assert queue.pop(1000.0)


def test_a_discarded_pod_never_comes_back() -> None:
    queue = Queue()
    queue.put(pod("a"))
    queue.pop(0.0)
    queue.discard("uid-a")
    queue.fail("uid-a", 0.0, unschedulable=False)
    assert queue.pop(1000.0) is None
    assert queue.next_time() is None
    assert len(queue) == 0
