import string

from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.resource import TRACKING, Ref, owner_of, sync_wave, tracking_id

names = st.text(string.ascii_lowercase + "-.", min_size=1, max_size=8)
refs = st.builds(
    Ref,
    st.sampled_from(["", "apps", "example.com"]),
    st.sampled_from(["Pod", "Deployment", "Widget"]),
    st.sampled_from(["", "shop", "default"]),
    names,
)


def marked(ref: Ref, tracking: str) -> dict:
    meta = {"name": ref.name, "annotations": {TRACKING: tracking}}
    if ref.namespace:
        meta["namespace"] = ref.namespace
    version = f"{ref.group}/v1" if ref.group else "v1"
    return {"apiVersion": version, "kind": ref.kind, "metadata": meta}


@given(refs, names)
def test_a_marked_object_is_its_applications(ref, app):
    assert owner_of(marked(ref, tracking_id(app, ref, "fallback"))) == app


@given(refs, refs)
def test_a_mark_copied_to_another_object_counts_for_nothing(ref, other):
    """A Deployment's annotations are copied to its ReplicaSets."""
    owner = owner_of(marked(other, tracking_id("web", ref, "fallback")))
    same = (ref.group, ref.kind, ref.name) == (other.group, other.kind, other.name)
    if not same or (other.namespace and other.namespace != (ref.namespace or "fallback")):
        assert owner is None
    else:
        assert owner == "web"


def test_the_form_is_argo_cds():
    ref = Ref("apps", "Deployment", "shop", "web")
    assert tracking_id("app", ref, "x") == "app:apps/Deployment:shop/web"
    assert tracking_id("app", Ref("", "Namespace", "", "shop"), "x") == "app:/Namespace:x/shop"


@given(st.text(max_size=20))
def test_any_annotation_is_understood(text):
    assert owner_of(marked(Ref("", "Pod", "a", "b"), text)) is None or text.startswith(
        owner_of(marked(Ref("", "Pod", "a", "b"), text)) or ""
    )


def test_a_wave_that_is_no_number_is_wave_0():
    obj = {"metadata": {"annotations": {"argocd.argoproj.io/sync-wave": "soon"}}}
    assert sync_wave(obj) == 0
    obj["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "-5"
    assert sync_wave(obj) == -5
