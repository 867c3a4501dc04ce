from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.registry.allocation import (
    AllocatedError,
    ExhaustedError,
    IPAllocator,
    OutOfRangeError,
    PortAllocator,
)


def test_automatic_addresses_leave_the_low_ones_to_who_asks_for_them() -> None:
    allocator = IPAllocator("10.96.0.0/16")
    low = ipaddress.ip_address("10.96.1.0")
    assert all(ipaddress.ip_address(allocator.take_any(str(n))) >= low for n in range(100))


@given(st.lists(st.integers(0, 40)))
def test_no_address_is_held_twice(steps: list[int]) -> None:
    allocator = IPAllocator("10.0.0.0/27")
    held: set[str] = set()
    for step in steps:
        if step < 20:
            try:
                address = allocator.take_any(str(step))
            except ExhaustedError:
                assert len(held) >= 27
                continue
            assert address not in held
            held.add(address)
        elif held and step % 2:
            address = min(held)
            allocator.release(address)
            held.remove(address)
        else:
            address = f"10.0.0.{step - 20}"
            try:
                allocator.take(address)
            except AllocatedError:
                assert address in held
            except OutOfRangeError:
                assert address == "10.0.0.0"
            else:
                assert address not in held
                held.add(address)


@pytest.mark.parametrize("address", ["10.0.0.0", "10.0.0.255", "10.0.1.0", "9.255.255.255"])
def test_addresses_outside_are_out_of_range(address: str) -> None:
    with pytest.raises(OutOfRangeError):
        IPAllocator("10.0.0.0/24").take(address)


def test_every_port_can_be_had_once() -> None:
    allocator = PortAllocator(range(30000, 30010))
    taken = {allocator.take_any(str(n)) for n in range(10)}
    assert taken == set(range(30000, 30010))
    with pytest.raises(ExhaustedError):
        allocator.take_any("more")
    with pytest.raises(AllocatedError):
        allocator.take(30003)
    with pytest.raises(OutOfRangeError):
        allocator.take(80)
    allocator.release(30003)
    allocator.take(30003)
