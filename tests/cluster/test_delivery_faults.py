"""Applications that cannot be delivered: each says why, and harms nothing else."""

from __future__ import annotations

import pytest

from grappe.api.resources import (
    APPLICATIONS,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    NAMESPACES,
    SECRETS,
)
from grappe.apiserver.http.messages import User
from grappe.testing.git_repository import private_repository

from .gitops import conditions, config_map, delivering, manifest, text, until

AUTOMATED = {"prune": True, "selfHeal": True}
ONCE = {"retry": {"limit": 0}}
QUICK = {"retry": {"limit": -1, "backoff": {"duration": "1s", "factor": 1}}}


@pytest.fixture
async def gitops(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param({"repoURL": "/nonexistent/repo"}, "/nonexistent/repo", id="no repository"),
        pytest.param({"repoURL": "https://127.0.0.1:1/x.git"}, "127.0.0.1", id="unreachable"),
        pytest.param({"repoURL": "--upload-pack=x"}, "is no URL of a Git repository", id="option"),
        pytest.param({"repoURL": "ext::sh -c x"}, "is no URL of a Git repository", id="command"),
        pytest.param({"targetRevision": "prod"}, "has no revision 'prod'; it has branches main",
                     id="no branch"),
        pytest.param({"targetRevision": "-x"}, "is no branch, tag or commit", id="bad branch"),
        pytest.param({"path": "nowhere"}, "nowhere: app path does not exist", id="no path"),
        pytest.param({"path": "broken"}, "broken/bad.yaml:3: ", id="malformed YAML"),
        pytest.param({"path": "kustom"}, "a Kustomize overlay, which is not supported",
                     id="Kustomize"),
        pytest.param({"directory": {"include": "{a"}}, "never closed", id="bad glob"),
    ],
)  # fmt: skip
async def test_a_source_that_cannot_be_read_is_a_comparison_error(gitops, source, told):
    gitops.repository.commit(
        {
            "deploy/a.yaml": text(config_map("a")),
            "broken/bad.yaml": "kind: ConfigMap\nmetadata:\n  name: [a\n",
            "kustom/kustomization.yaml": "resources: []\n",
        }
    )
    await gitops.create(automated=AUTOMATED, source=source)
    status = await gitops.until("Unknown", condition="ComparisonError")
    assert told in conditions(status, "ComparisonError")
    assert status["health"]["status"] == "Unknown"


async def test_a_spec_that_cannot_be_acted_on_is_an_invalid_spec_error(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED, source={"helm": {"releaseName": "x"}})
    status = await gitops.until("Unknown", condition="InvalidSpecError")
    assert "helm, which is not supported" in conditions(status, "InvalidSpecError")
    mended = {"spec": {"source": {"helm": None}}}
    await gitops.client.patch(APPLICATIONS, "web", mended, "argocd")
    status = await gitops.until("Synced", "Healthy")
    assert "conditions" not in status


async def test_what_runs_is_untouched_while_the_repository_is_broken(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    gitops.repository.commit({"deploy/a.yaml": "a: [", "deploy/b.yaml": text(config_map("b"))})
    status = await gitops.until("Unknown", condition="ComparisonError")
    assert [(r["name"], r["status"]) for r in status["resources"]] == [("a", "Unknown")]
    assert status["health"]["status"] == "Healthy"
    assert await gitops.value("a") == "1"
    await gitops.client.delete(CONFIG_MAPS, "a", "default")
    await gitops.until("Unknown", "Missing")
    mended = gitops.repository.commit({"deploy/a.yaml": text(config_map("a", "2"))})
    status = await gitops.until("Synced", revision=mended)
    assert "conditions" not in status
    assert (await gitops.value("a"), await gitops.value("b")) == ("2", "1")


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        pytest.param(
            manifest("Widget", "w", api_version="example.com/v1"),
            'Make sure the "Widget" CRD is installed',
            id="unknown kind",
        ),
        pytest.param(
            manifest("Service", "s", spec={"ports": [{"port": 99999}]}),
            "spec.ports[0].port",
            id="invalid value",
        ),
        pytest.param(manifest("ConfigMap", "w", data={"a": {"b": "c"}}), "data", id="wrong type"),
        pytest.param(
            config_map("w", namespace="missing"),
            'namespaces "missing" not found (add a Namespace manifest, or CreateNamespace=true',
            id="no namespace",
        ),
        pytest.param(config_map("Not_A_Name"), "metadata.name", id="bad name"),
    ],
)
async def test_one_bad_manifest_is_told_and_nothing_of_its_commit_applied(gitops, bad, told):
    gitops.repository.commit({"deploy/all.yaml": text(config_map("a"), bad)})
    await gitops.create(automated=AUTOMATED, syncPolicy=ONCE)
    status = await gitops.until("OutOfSync", phase="Failed", condition="SyncError")
    assert told in status["operationState"]["message"]
    assert told in conditions(status, "SyncError")
    assert await gitops.value("a") is None
    [failed] = [
        r for r in status["operationState"]["syncResult"]["resources"]
        if r["status"] == "SyncFailed"
    ]  # fmt: skip
    assert told in failed["message"]
    mended = gitops.repository.commit({"deploy/all.yaml": text(config_map("a"))})
    status = await gitops.until("Synced", revision=mended, phase="Succeeded")
    assert "conditions" not in status


async def test_a_change_the_server_refuses_is_told_and_the_rest_kept(gitops):
    fixed = manifest("ConfigMap", "a", data={"value": "1"}, immutable=True)
    gitops.repository.commit({"deploy/a.yaml": text(fixed)})
    await gitops.create(automated=AUTOMATED, syncPolicy=ONCE)
    await gitops.until("Synced")
    changed = manifest("ConfigMap", "a", data={"value": "2"}, immutable=True)
    gitops.repository.commit({"deploy/a.yaml": text(changed)})
    status = await gitops.until("OutOfSync", phase="Failed", condition="ComparisonError")
    assert "immutable" in conditions(status, "ComparisonError")
    assert "deploy/a.yaml:1" in conditions(status, "ComparisonError")
    assert "immutable" in status["operationState"]["message"]
    assert await gitops.value("a") == "1"
    forced = manifest("ConfigMap", "a", data={"value": "3"}, immutable=True,
                      annotations={"sync-options": "Force=true"})  # fmt: skip
    commit = gitops.repository.commit({"deploy/a.yaml": text(forced)})
    await gitops.until("Synced", revision=commit)
    assert await gitops.value("a") == "3"


async def test_a_failed_sync_is_tried_again_until_what_it_lacks_is_there(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a", namespace="later"))})
    await gitops.create(automated=AUTOMATED, syncPolicy=QUICK)

    async def retrying():
        state = ((await gitops.application()).get("status") or {}).get("operationState") or {}
        return state.get("retryCount", 0) >= 1 and state

    state = await until(retrying)
    assert state["phase"] == "Running"
    assert "Retrying attempt #" in state["message"]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}}
    await gitops.client.create(NAMESPACES, namespace)
    await gitops.until("Synced", phase="Succeeded")
    assert await gitops.value("a", "later") == "1"


async def test_a_new_commit_replaces_a_sync_that_keeps_failing(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a", namespace="missing"))})
    slow = {"retry": {"limit": 5, "backoff": {"duration": "1h", "maxDuration": "1h"}}}
    await gitops.create(automated=AUTOMATED, syncPolicy=slow)

    async def waiting():
        state = ((await gitops.application()).get("status") or {}).get("operationState") or {}
        return state.get("retryCount") == 1

    await until(waiting)
    mended = gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.until("Synced", revision=mended, phase="Succeeded")


async def test_a_waiting_sync_ends_when_its_commit_or_its_policy_is_taken_back(gitops):
    good = {"deploy/a.yaml": text(config_map("a"))}
    gitops.repository.commit(good)
    slow = {"retry": {"limit": -1, "backoff": {"duration": "1h", "maxDuration": "1h"}}}
    await gitops.create(automated=AUTOMATED, syncPolicy=slow)
    await gitops.until("Synced")

    async def waiting():
        state = ((await gitops.application()).get("status") or {}).get("operationState") or {}
        return state.get("phase") == "Running" and state.get("retryCount") == 1

    bad = {"deploy/a.yaml": text(config_map("a"), config_map("b", namespace="missing"))}
    gitops.repository.commit(bad)
    await until(waiting)
    back = gitops.repository.commit(good)
    status = await gitops.until("Synced", revision=back, phase="Failed")
    assert status["operationState"]["message"] == f"superseded by {back}"
    gitops.repository.commit(bad)
    await until(waiting)
    manual = {"spec": {"syncPolicy": {"automated": None}}}
    await gitops.client.patch(APPLICATIONS, "web", manual, "argocd")
    status = await gitops.until("OutOfSync", phase="Failed")
    assert status["operationState"]["message"] == "automated sync was switched off"


async def test_a_broken_application_does_not_disturb_another(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a")), "bad/b.yaml": "a: ["})
    for number in range(10):
        await gitops.create(f"bad-{number}", automated=AUTOMATED, source={"path": "bad"})
        await gitops.create(
            f"gone-{number}", automated=AUTOMATED, source={"repoURL": "https://127.0.0.1:1/x"}
        )
    await gitops.create("good", automated=AUTOMATED)
    await gitops.until("Synced", "Healthy", name="good")


async def test_two_applications_with_one_object_are_warned(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create("one", automated={"prune": True})
    await gitops.until("Synced", name="one")
    await gitops.create("two")
    status = await gitops.until(name="two", condition="SharedResourceWarning")
    assert conditions(status, "SharedResourceWarning") == (
        "ConfigMap default/a is part of applications two and one"
    )


async def test_what_the_controller_may_not_do_is_told(cluster, tmp_path):
    """It may handle Applications and read ConfigMaps, but not change them."""
    rules = [
        {"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["*"]},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
         "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
    ]  # fmt: skip
    role = {"metadata": {"name": "limited"}, "rules": rules}
    await cluster.client.create(
        CLUSTER_ROLES, {"apiVersion": CLUSTER_ROLES.api_version, "kind": "ClusterRole", **role}
    )
    await cluster.client.create(
        CLUSTER_ROLE_BINDINGS,
        {
            "apiVersion": CLUSTER_ROLE_BINDINGS.api_version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "limited"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}
            ],
        },
    )  # fmt: skip
    limited = cluster.client_of(User("limited", ("system:authenticated",)))
    async with delivering(limited, tmp_path) as gitops:
        secret = manifest("Secret", "s", stringData={"a": "b"})
        gitops.repository.commit(
            {"deploy/a.yaml": text(config_map("a")), "secrets/s.yaml": text(secret)}
        )
        await gitops.create(automated=AUTOMATED, syncPolicy=ONCE)
        status = await gitops.until(phase="Failed", condition="SyncError")
        assert (
            'User "limited" cannot patch resource "configmaps"'
            in (status["operationState"]["message"])
        )
        await gitops.create("secret", source={"path": "secrets"})
        status = await gitops.until(name="secret", condition="ComparisonError")
        assert "cannot watch secrets: secrets is forbidden" in conditions(status, "ComparisonError")
    found = await cluster.client.list(CONFIG_MAPS, "default")
    assert "a" not in {item["metadata"]["name"] for item in found.items}


async def test_a_private_repository_is_delivered_once_its_secret_is_there(gitops, tmp_path):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    with private_repository(gitops.repository) as url:
        await gitops.create(automated=AUTOMATED, source={"repoURL": url})
        status = await gitops.until("Unknown", condition="ComparisonError")
        assert "give a repository Secret" in conditions(status, "ComparisonError")
        secret = manifest(
            "Secret",
            "shop",
            namespace="argocd",
            stringData={"url": url, "username": "bob", "password": "hunter2"},
        )
        labels = {"argocd.argoproj.io/secret-type": "repository"}
        secret["metadata"]["labels"] = labels
        await gitops.client.create(SECRETS, secret)
        await gitops.until("Synced")
    assert "hunter2" not in str(await gitops.application())
