from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.bootstrap import overlay
from grappe.apiserver.default_objects import services
from grappe.base.config import ClusterConfig

values = st.recursive(
    st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values)


@given(objects, objects)
def test_an_overlaid_object_says_what_is_wanted_and_needs_no_second_time(live, wanted) -> None:
    found = overlay(live, wanted)
    assert overlay(found, wanted) == found
    assert set(live) <= set(found)


def test_what_a_server_added_to_listed_objects_is_kept() -> None:
    live = {"spec": {"ports": [{"port": 1, "nodePort": 9}], "x": 1}}
    assert overlay(live, {"spec": {"ports": [{"port": 1}]}}) == live
    assert overlay(live, {"spec": {"ports": [{"port": 2}]}})["spec"] == {
        "ports": [{"port": 2}],
        "x": 1,
    }


def test_the_api_is_found_at_the_host_or_locally_when_simulated() -> None:
    real = ClusterConfig("c", Path("/x"), 7443, slot=2)
    assert _address(real) == "10.95.2.1"
    assert _address(ClusterConfig("c", Path("/x"), 7443, simulate=1)) == "127.0.0.1"


def _address(config: ClusterConfig) -> str:
    (slice_,) = [o for o in services(config) if o["kind"] == "EndpointSlice"]
    assert slice_["ports"][0]["port"] == 7443
    return str(slice_["endpoints"][0]["addresses"][0])
