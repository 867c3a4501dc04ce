"""`matchConditions` of admission webhooks."""

from __future__ import annotations

from pathlib import Path

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map
from tests.cluster.hooks import (
    MUTATING,
    VALIDATING,
    denied,
    hook,
    patching,
    register,
    review_answers,
    rule,
)
from tests.cluster.https_servers import https_server

NOT_SKIPPED = [{"name": "skip", "expression": "object.metadata.name != 'skip-me'"}]


async def test_everything_but_what_conditions_exclude_is_changed(
    cluster: TestCluster, tmp_path: Path
) -> None:
    patch = patching({"op": "add", "path": "/data", "value": {"mutated": "yes"}})
    async with https_server(tmp_path, review_answers(lambda _: patch)) as server:
        one = hook(server, rule("configmaps", "CREATE"), matchConditions=NOT_SKIPPED)
        made = await register(cluster, MUTATING, "m", one)
        assert made["webhooks"][0]["matchConditions"] == NOT_SKIPPED
        skipped = await ask(cluster, "POST", CONFIG_MAPS, config_map("skip-me"))
        changed = await ask(cluster, "POST", CONFIG_MAPS, config_map("other"))
        assert (skipped.body.get("data"), changed.body["data"]) == (None, {"mutated": "yes"})
        assert len(server.asked) == 1


async def test_conditions_that_fail_are_for_the_failure_policy(
    cluster: TestCluster, tmp_path: Path
) -> None:
    broken = [{"name": "b", "expression": "object.data.missing == 'x'"}]
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        one = hook(server, rule("configmaps", "CREATE"), matchConditions=broken)
        await register(cluster, VALIDATING, "v", one)
        refused = await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))
        assert refused.status == 403
        assert refused.message.startswith('configmaps "x" is forbidden: ')
        await ask(cluster, "DELETE", f"{VALIDATING}/v")
        await register(cluster, VALIDATING, "v", {**one, "failurePolicy": "Ignore"})
        assert (await ask(cluster, "POST", CONFIG_MAPS, config_map("x"))).status == 201
        assert not server.asked


async def test_conditions_that_do_not_compile_are_refused(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, review_answers(lambda _: denied())) as server:
        bad = [{"name": "b", "expression": "... [] bad expression"}]
        one = hook(server, rule("configmaps"), matchConditions=bad)
        for where in (MUTATING, VALIDATING):
            body = {"metadata": {"name": "c"}, "webhooks": [one]}
            refused = await ask(cluster, "POST", where, body)
            assert refused.status == 422
            assert "webhooks[0].matchConditions[0].expression" in refused.message
            assert "compilation failed" in refused.message
            body["webhooks"] = [{**one, "matchConditions": NOT_SKIPPED}]
            made = await ask(cluster, "POST", where, body)
            assert made.status == 201
            made.body["webhooks"][0]["matchConditions"][0]["expression"] = "true"
            changed = await ask(cluster, "PUT", f"{where}/c", made.body)
            assert changed.body["webhooks"][0]["matchConditions"][0]["expression"] == "true"
            changed.body["webhooks"][0]["matchConditions"] = bad
            assert (await ask(cluster, "PUT", f"{where}/c", changed.body)).status == 422
