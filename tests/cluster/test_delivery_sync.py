"""Applications against the real API server and real Git repositories: syncing."""

from __future__ import annotations

import pytest

from grappe.api.resources import (
    APPLICATIONS,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    SECRETS,
    Resource,
)

from .gitops import config_map, delivering, manifest, text, until

AUTOMATED = {"prune": True, "selfHeal": True}


@pytest.fixture
async def gitops(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as running:
        yield running


async def test_an_automated_application_follows_its_repository(gitops):
    first = gitops.repository.commit(
        {"deploy/a.yaml": text(config_map("a")), "deploy/b.yaml": text(config_map("b"))}
    )
    await gitops.create(automated=AUTOMATED)
    status = await gitops.until("Synced", "Healthy", revision=first)
    assert await gitops.value("a") == "1"
    assert [(r["kind"], r["name"], r["status"]) for r in status["resources"]] == [
        ("ConfigMap", "a", "Synced"), ("ConfigMap", "b", "Synced"),
    ]  # fmt: skip
    assert status["operationState"]["phase"] == "Succeeded"
    assert status["operationState"]["message"] == "successfully synced (all tasks run)"

    second = gitops.repository.commit(
        {"deploy/a.yaml": text(config_map("a", "2")), "deploy/b.yaml": None}
    )
    status = await gitops.until("Synced", "Healthy", revision=second)
    assert (await gitops.value("a"), await gitops.value("b")) == ("2", None)
    assert [(h["id"], h["revision"]) for h in status["history"]] == [(0, first), (1, second)]
    results = {r["name"]: r["status"] for r in status["operationState"]["syncResult"]["resources"]}
    assert results == {"a": "Synced", "b": "Pruned"}


async def test_without_automation_it_waits_to_be_asked(gitops):
    commit = gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create()
    status = await gitops.until("OutOfSync", "Missing", revision=commit)
    assert status["resources"][0]["health"] == {"status": "Missing"}
    assert "operationState" not in status
    await gitops.sync()
    status = await gitops.until("Synced", phase="Succeeded")
    assert status["operationState"]["operation"]["initiatedBy"] == {"username": "me"}
    assert "operation" not in await gitops.application()
    assert await gitops.value("a") == "1"


async def test_what_is_changed_or_deleted_by_hand_is_healed(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    await gitops.client.delete(CONFIG_MAPS, "a", "default")
    await until(lambda: gitops.value("a"))
    await gitops.client.patch(CONFIG_MAPS, "a", {"data": {"value": "by hand"}}, "default")

    async def healed():
        return await gitops.value("a") == "1"

    await until(healed)
    status = await gitops.until("Synced")
    assert len(status["history"]) == 1


async def test_without_self_heal_a_change_by_hand_stays_and_is_shown(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated={"prune": True})
    await gitops.until("Synced")
    await gitops.client.patch(CONFIG_MAPS, "a", {"data": {"value": "by hand"}}, "default")
    await gitops.until("OutOfSync")
    assert await gitops.value("a") == "by hand"


async def test_fields_others_add_are_no_difference(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    patch = {"data": {"other": "x"}, "metadata": {"labels": {"mine": "y"}}}
    await gitops.client.patch(CONFIG_MAPS, "a", patch, "default")
    second = gitops.repository.commit({"deploy/b.yaml": text(config_map("b"))})
    await gitops.until("Synced", revision=second)
    found = await gitops.client.get(CONFIG_MAPS, "a", "default")
    assert found["data"] == {"value": "1", "other": "x"}


async def test_a_field_taken_out_of_the_manifest_is_taken_out_of_the_object(gitops):
    both = manifest("ConfigMap", "a", data={"value": "1", "gone": "x"})
    gitops.repository.commit({"deploy/a.yaml": text(both)})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    second = gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.until("Synced", revision=second)
    assert (await gitops.client.get(CONFIG_MAPS, "a", "default"))["data"] == {"value": "1"}


async def test_without_prune_what_left_the_repository_stays_and_is_marked(gitops):
    gitops.repository.commit(
        {"deploy/a.yaml": text(config_map("a")), "deploy/b.yaml": text(config_map("b"))}
    )
    await gitops.create(automated={"selfHeal": True})
    await gitops.until("Synced")
    second = gitops.repository.commit({"deploy/b.yaml": None})
    status = await gitops.until("OutOfSync", revision=second)
    assert [r["name"] for r in status["resources"] if r.get("requiresPruning")] == ["b"]
    assert await gitops.value("b") == "1"


async def test_objects_that_say_so_are_not_pruned(gitops):
    kept = config_map("b", annotations={"sync-options": "Prune=false"})
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a")), "deploy/b.yaml": text(kept)})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    second = gitops.repository.commit({"deploy/b.yaml": None})
    await gitops.until("Synced", revision=second)
    assert await gitops.value("b") == "1"


async def test_an_emptied_repository_wipes_nothing_unless_allowed(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a")), "deploy/README": "x"})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    gitops.repository.commit({"deploy/a.yaml": None})
    status = await gitops.until("OutOfSync", condition="SyncError")
    assert "auto-sync will wipe out all resources" in status["conditions"][0]["message"]
    assert await gitops.value("a") == "1"
    allow = {"spec": {"syncPolicy": {"automated": {"allowEmpty": True}}}}
    await gitops.client.patch(APPLICATIONS, "web", allow, "argocd")
    status = await gitops.until("Synced")
    assert "conditions" not in status
    assert await gitops.value("a") is None


async def test_waves_go_one_after_the_other_and_namespaces_first(gitops):
    late = manifest(
        "Secret", "late", namespace="shop", annotations={"sync-wave": "2"}, stringData={"a": "b"}
    )
    early = config_map("early", namespace="shop", annotations={"sync-wave": "-1"})
    gitops.repository.commit(
        {"deploy/all.yaml": text(late, config_map("middle", namespace="shop"), early,
                                 manifest("Namespace", "shop", annotations={"sync-wave": "-2"}))}
    )  # fmt: skip
    await gitops.create(automated=AUTOMATED)
    status = await gitops.until("Synced", phase="Succeeded")
    done = [r["name"] for r in status["operationState"]["syncResult"]["resources"]]
    assert done == ["shop", "early", "middle", "late"]
    assert (await gitops.find(SECRETS, "late", "shop")) is not None


async def test_the_destination_namespace_is_created_when_asked(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    destination = {"name": "in-cluster", "namespace": "fresh"}
    await gitops.create(
        automated=AUTOMATED,
        options=("CreateNamespace=true",),
        destination=destination,
        syncPolicy={"managedNamespaceMetadata": {"labels": {"team": "blue"}}},
    )
    await gitops.until("Synced", phase="Succeeded")
    assert await gitops.value("a", "fresh") == "1"
    namespace = await gitops.client.get(NAMESPACES, "fresh")
    assert namespace["metadata"]["labels"]["team"] == "blue"


WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
WIDGET_CRD = manifest(
    "CustomResourceDefinition",
    "widgets.example.com",
    api_version="apiextensions.k8s.io/v1",
    spec={
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"size": {"type": "integer", "default": 3}},
                            }
                        },
                    }
                },
            }
        ],
    },
)


async def test_a_kind_and_objects_of_it_come_in_one_sync(gitops):
    widget = manifest("Widget", "w", api_version="example.com/v1", spec={})
    commit = gitops.repository.commit({"deploy/all.yaml": text(widget, WIDGET_CRD)})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced", "Healthy", revision=commit)
    found = await gitops.client.get(WIDGETS, "w", "default")
    assert found["spec"] == {"size": 3}
    second = gitops.repository.commit({"deploy/all.yaml": text(WIDGET_CRD)})
    await gitops.until("Synced", revision=second)
    assert await gitops.find(WIDGETS, "w") is None
    assert await gitops.find(CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com", None) is not None


async def test_ignored_differences_are_neither_shown_nor_undone(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"), config_map("b"))})
    ignored = [{"kind": "ConfigMap", "name": "a", "jsonPointers": ["/data/value"]}]
    await gitops.create(
        automated=AUTOMATED,
        options=("RespectIgnoreDifferences=true",),
        ignoreDifferences=ignored,
    )
    await gitops.until("Synced")
    await gitops.client.patch(CONFIG_MAPS, "a", {"data": {"value": "tuned"}}, "default")
    second = gitops.repository.commit(
        {"deploy/a.yaml": text(config_map("a"), config_map("b", "2"))}
    )
    await gitops.until("Synced", revision=second)
    assert (await gitops.value("a"), await gitops.value("b")) == ("tuned", "2")


async def test_fields_of_trusted_managers_are_no_difference(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    ignored = [{"kind": "ConfigMap", "managedFieldsManagers": ["autoscaler"]}]
    await gitops.create(automated={}, ignoreDifferences=ignored)
    await gitops.until("Synced")
    mine = {**config_map("a", "scaled"), "metadata": {"name": "a", "namespace": "default"}}
    await gitops.client.apply(CONFIG_MAPS, mine, field_manager="autoscaler", force=True)
    await gitops.client.patch(
        APPLICATIONS, "web",
        {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}, "argocd",
    )  # fmt: skip

    async def refreshed():
        return not (await gitops.application())["metadata"].get("annotations")

    await until(refreshed)
    await gitops.until("Synced")
    await gitops.client.apply(CONFIG_MAPS, mine, field_manager="somebody", force=True)
    other = {**mine, "data": {"value": "by hand"}}
    await gitops.client.apply(CONFIG_MAPS, other, field_manager="somebody", force=True)
    await gitops.until("OutOfSync")


async def test_an_object_made_by_hand_before_is_adopted(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a", "git"))})
    made = {**config_map("a", "old"), "metadata": {"name": "a", "namespace": "default"}}
    await gitops.client.create(CONFIG_MAPS, made)
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced")
    assert await gitops.value("a") == "git"


async def test_a_sync_may_be_of_one_resource_and_of_an_older_commit(gitops):
    first = gitops.repository.commit({"deploy/a.yaml": text(config_map("a"), config_map("b"))})
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a", "2"), config_map("b", "2"))})
    await gitops.create()
    await gitops.until("OutOfSync")
    await gitops.sync(resources=[{"kind": "ConfigMap", "name": "b", "namespace": "default"}])
    await gitops.until(phase="Succeeded")
    assert (await gitops.value("a"), await gitops.value("b")) == (None, "2")
    await gitops.sync(revision=first)

    async def rolled_back():
        return await gitops.value("b") == "1"

    await until(rolled_back)
    status = await gitops.until("OutOfSync", phase="Succeeded")
    assert status["operationState"]["syncResult"]["revision"] == first


async def test_an_operation_that_cannot_be_done_is_told_and_removed(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create()
    await gitops.until("OutOfSync")
    await gitops.sync(revision="nope")
    status = await gitops.until("OutOfSync", phase="Error")
    assert "no revision 'nope'" in status["operationState"]["message"]
    assert "operation" not in await gitops.application()


async def test_what_somebody_asks_for_goes_before_an_automated_sync_that_waits(gitops):
    good = gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a", namespace="missing"))})
    slow = {"retry": {"limit": -1, "backoff": {"duration": "1h", "maxDuration": "1h"}}}
    await gitops.create(automated=AUTOMATED, syncPolicy=slow)

    async def waiting():
        state = ((await gitops.application()).get("status") or {}).get("operationState") or {}
        return state.get("retryCount") == 1

    await until(waiting)
    await gitops.sync(revision=good)
    await until(lambda: gitops.value("a"))


async def test_a_dry_run_changes_nothing(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create()
    await gitops.until("OutOfSync")
    await gitops.sync(dryRun=True)
    status = await gitops.until("OutOfSync", phase="Succeeded")
    assert await gitops.value("a") is None
    assert "history" not in status


async def test_several_sources_make_one_application(gitops):
    first = gitops.repository.commit(
        {"deploy/a.yaml": text(config_map("a")), "extra/b.yaml": text(config_map("b"))}
    )
    path = str(gitops.repository.path)
    sources = [{"repoURL": path, "path": "deploy"}, {"repoURL": path, "path": "extra"}]
    await gitops.create(automated=AUTOMATED, sources=sources)
    status = await gitops.until("Synced")
    assert status["sync"]["revisions"] == [first, first]
    assert (await gitops.value("a"), await gitops.value("b")) == ("1", "1")


async def test_replaced_objects_keep_nothing_of_others(gitops):
    replaced = config_map("a", annotations={"sync-options": "Replace=true"})
    gitops.repository.commit({"deploy/a.yaml": text(replaced)})
    await gitops.create()
    await gitops.sync()
    await gitops.until("Synced", phase="Succeeded")
    await gitops.client.patch(CONFIG_MAPS, "a", {"data": {"other": "x"}}, "default")
    await gitops.sync()

    async def alone():
        return (await gitops.client.get(CONFIG_MAPS, "a", "default"))["data"] == {"value": "1"}

    await until(alone)


async def test_a_refresh_asked_for_is_made_and_its_mark_removed(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create()
    before = await gitops.until("OutOfSync")
    for how in ("normal", "hard"):
        mark = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": how}}}
        await gitops.client.patch(APPLICATIONS, "web", mark, "argocd")

        async def unmarked():
            annotations = (await gitops.application())["metadata"].get("annotations") or {}
            return "argocd.argoproj.io/refresh" not in annotations

        await until(unmarked)
    assert (await gitops.until("OutOfSync"))["sync"] == before["sync"]
