import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.application import Backoff, InvalidSpecError, parse, parse_duration
from grappe.delivery.crd import application_crd


def application(**spec):
    whole = {
        "source": {"repoURL": "https://example.com/r.git", "path": "deploy/"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "project": "default",
        **spec,
    }
    return {"metadata": {"name": "web", "namespace": "argocd"}, "spec": whole}


def test_a_plain_application_is_read_with_argo_cds_defaults():
    app = parse(application())
    [source] = app.sources
    assert (app.name, app.namespace, app.automated, app.history_limit) == ("web", "shop", None, 10)
    assert (source.path, source.target_revision, source.recurse) == ("deploy", "HEAD", False)
    assert (app.retry.limit, app.options.propagation) == (5, "foreground")


def test_outside_argo_cds_namespace_the_namespace_is_part_of_the_name():
    obj = application()
    obj["metadata"]["namespace"] = "team"
    assert parse(obj).name == "team_web"


def test_policy_options_and_retry_are_read():
    app = parse(
        application(
            syncPolicy={
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true", "PrunePropagationPolicy=background", "X=y"],
                "retry": {"limit": -1, "backoff": {"duration": "1s", "factor": 3,
                                                   "maxDuration": "1m30s"}},
            }
        )
    )  # fmt: skip
    assert (app.automated.prune, app.automated.self_heal, app.automated.allow_empty) == (
        True, True, False,
    )  # fmt: skip
    assert (app.options.create_namespace, app.options.propagation) == (True, "background")
    assert app.retry.limit == -1
    assert app.retry.backoff == Backoff(1.0, 3, 90.0)
    assert [app.retry.backoff.pause(n) for n in (0, 1, 4, 5000)] == [1.0, 3.0, 81.0, 90.0]


def test_automation_can_be_switched_off_without_deleting_it():
    off = application(syncPolicy={"automated": {"enabled": False, "prune": True}})
    assert parse(off).automated is None


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"source": None}, "has no source"),
        ({"source": {"repoURL": "r", "helm": {"releaseName": "x"}}}, "asks for helm"),
        ({"source": {"repoURL": "r", "chart": "x"}}, "asks for chart"),
        ({"source": {"repoURL": "r", "path": "../other"}}, "must be within the repository"),
        ({"source": {"repoURL": "r", "path": "/etc"}}, "must be within the repository"),
        ({"source": {"path": "x"}}, "has no repoURL"),
        ({"source": {"repoURL": "r", "directory": {"jsonnet": {"libs": ["x"]}}}}, "Jsonnet"),
        ({"destination": {}}, "Destination server missing"),
        ({"destination": {"server": "https://other:6443"}}, "is another cluster"),
        ({"destination": {"name": "in-cluster", "server": "https://kubernetes.default.svc"}},
         "can't have both name and server"),
        ({"ignoreDifferences": [{"kind": "*", "jqPathExpressions": [".spec"]}]},
         r"ignoreDifferences\[0\].jqPathExpressions is not supported: use jsonPointers"),
        ({"ignoreDifferences": [{"kind": "*", "jsonPointers": ["spec"]}]}, "is no JSON pointer"),
        ({"syncPolicy": {"retry": {"backoff": {"duration": "soon"}}}}, "'soon' is no duration"),
        ({"syncPolicy": {"syncOptions": ["PrunePropagationPolicy=never"]}}, "one of foreground"),
        ({"sourceHydrator": {"drySource": {}}}, "sourceHydrator is not supported"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_with_what_to_write(spec, told):
    with pytest.raises(InvalidSpecError, match=told):
        parse(application(**spec))


@given(st.text(max_size=8))
def test_any_duration_is_read_or_refused(text):
    try:
        assert parse_duration(text, 1.0) >= 0
    except InvalidSpecError:
        pass


def test_the_crd_is_structural_and_prints_what_argo_cd_prints():
    [version] = application_crd()["spec"]["versions"]
    assert [c["name"] for c in version["additionalPrinterColumns"]] == [
        "Sync Status", "Health Status", "Revision", "Project",
    ]  # fmt: skip

    def check(schema, path):
        preserved = schema.get("x-kubernetes-int-or-string")
        assert "type" in schema or preserved, path
        for name, below in schema.get("properties", {}).items():
            check(below, f"{path}.{name}")
        for key in ("items", "additionalProperties"):
            if key in schema:
                check(schema[key], f"{path}[]")

    check(version["schema"]["openAPIV3Schema"], "")
