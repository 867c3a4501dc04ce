"""Which slot a cluster gets."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.network import slots

Network = ipaddress.IPv4Network
CONFIG = ClusterConfig(name="a", data_dir=Path("/nowhere"), port=0)


def candidates() -> list[tuple[int, list[Network]]]:
    return [(s, slots.ranges(replace(CONFIG, slot=s))) for s in range(slots.LAST_SLOT + 1)]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no clusters and no routes of its own."""
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "run" / "grappe" / "slots")
    monkeypatch.setattr(slots, "default_data_dir", lambda name: tmp_path / "lib" / name)
    monkeypatch.setattr(slots, "_host_networks", lambda: [])
    (tmp_path / "run").mkdir()
    return tmp_path


def test_the_ranges_of_all_slots_are_disjoint() -> None:
    everything = [network for _, networks in candidates() for network in networks]
    for i, one in enumerate(everything):
        assert not any(one.overlaps(other) for other in everything[i + 1 :])


@pytest.mark.parametrize(
    ("busy", "expected"),
    [
        ([], 0),
        (["10.96.7.0/24"], 1),
        (["10.244.0.0/16", "10.97.0.0/16"], 2),
        (["10.95.0.1/32"], 1),
        (["192.168.0.0/16"], 0),
        (["10.0.0.0/8"], 0),
        (["10.0.0.0/8", "10.96.0.5/32"], 1),
        (["10.96.0.0/12"], 16),
    ],
    ids=str,
)
def test_a_slot_avoids_the_hosts_networks(busy: list[str], expected: int) -> None:
    assert slots.choose(candidates(), set(), [Network(b) for b in busy]) == expected


@given(
    taken=st.sets(st.integers(0, slots.LAST_SLOT)),
    busy=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32)), max_size=6),
)
def test_a_chosen_slot_is_free_and_nobody_elses_route_takes_its_packets(
    taken: set[int], busy: list[tuple[int, int]]
) -> None:
    networks = [Network((address, length), strict=False) for address, length in busy]
    slot = slots.choose(candidates(), taken, networks)
    unusable = {
        s
        for s, wanted in candidates()
        if s in taken or any(theirs.subnet_of(ours) for ours in wanted for theirs in networks)
    }
    if slot is None:
        assert len(unusable) == slots.LAST_SLOT + 1
    else:
        assert slot not in unusable


def test_two_clusters_get_different_slots_and_one_keeps_its_own(machine: Path) -> None:
    assert [slots.free_slot("a"), slots.free_slot("b"), slots.free_slot("a")] == [0, 1, 0]


def test_a_released_slot_leaves_no_file_behind(machine: Path) -> None:
    slot = slots.free_slot("a")
    slots.release(replace(CONFIG, slot=slot))
    slots.release(replace(CONFIG, slot=slot))
    assert list((machine / "run").iterdir()) == []


def test_what_a_killed_claim_left_goes_too(machine: Path) -> None:
    slot = slots.free_slot("a")
    (slots.SLOTS_DIR / ".draft-99999").write_text("{")
    slots.release(replace(CONFIG, slot=slot))
    assert list((machine / "run").iterdir()) == []


def test_releasing_a_slot_that_is_anothers_does_nothing(machine: Path) -> None:
    slots.free_slot("b")
    slots.release(CONFIG)
    assert slots.free_slot("a") == 1


def test_the_slot_of_a_stopped_cluster_is_not_given_away(machine: Path) -> None:
    replace(CONFIG, data_dir=machine / "lib" / "a", slot=0).save()
    assert slots.free_slot("b") == 1


def test_a_simulated_cluster_takes_no_slot(machine: Path) -> None:
    replace(CONFIG, data_dir=machine / "lib" / "a", simulate=3).save()
    assert slots.free_slot("b") == 0


def test_starting_with_anothers_slot_names_the_other_cluster(machine: Path) -> None:
    slots.hold(replace(CONFIG, name="b"))
    slots.hold(replace(CONFIG, name="b"))
    with pytest.raises(UserError, match="running cluster b"):
        slots.hold(CONFIG)


def test_when_everything_is_taken_the_user_is_told_what_to_do(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_host_networks", lambda: [Network("10.95.0.0/16")])
    # wider than every link's range, so acceptable; now take each link itself
    assert slots.free_slot("a") == 0
    monkeypatch.setattr(
        slots,
        "_host_networks",
        lambda: [Network(f"10.95.{slot}.0/24") for slot in range(slots.LAST_SLOT + 1)],
    )
    with pytest.raises(UserError, match="no free address range") as caught:
        slots.free_slot("b")
    assert "grappe delete" in caught.value.fix
