"""Back-off doubles from 10 s to 300 s and is forgotten after ten quiet minutes."""

from grappe.node.pods.backoff import BackOff


def test_delays_double_up_to_the_maximum() -> None:
    backoff, now, delays = BackOff(), 1000.0, []
    for _ in range(7):
        backoff.next("k", now, now)
        delays.append(backoff.delay("k"))
        now += backoff.delay("k")
    assert delays == [10, 20, 40, 80, 160, 300, 300]


def test_the_first_failure_is_tried_again_at_once() -> None:
    assert BackOff().waits_until("k", 100.0, 100.0) is None


def test_the_delay_counts_from_the_end_of_the_container() -> None:
    backoff = BackOff()
    backoff.next("k", 0.0, 100.0)
    assert backoff.waits_until("k", 105.0, 106.0) == 115.0
    assert backoff.waits_until("k", 105.0, 115.0) is None


def test_a_container_that_ran_for_long_begins_anew() -> None:
    backoff = BackOff()
    backoff.next("k", 0.0, 100.0)
    backoff.next("k", 110.0, 110.0)
    assert backoff.waits_until("k", 800.0, 800.0) is None
    backoff.next("k", 800.0, 800.0)
    assert backoff.delay("k") == 10


def test_a_clock_that_was_set_back_keeps_nobody_waiting():
    backoff = BackOff()
    backoff.next("k", 5000.0, 5000.0)
    assert backoff.waits_until("k", 5005.0, 5006.0) == 5015.0
    assert backoff.waits_until("k", 5005.0, 1406.0) is None
