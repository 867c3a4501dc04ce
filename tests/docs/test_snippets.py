"""What the docs show runs: Python compiles and finds what it imports, manifests are accepted."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml

from grappe.api.resources import APPLICATIONS, BUILTIN
from grappe.apiserver.admission.configuration import load_admission
from grappe.apiserver.audit import load_webhook, read_policy
from grappe.apiserver.auth.oidc.config import load as load_authentication
from grappe.delivery.install import install
from grappe.testing.cluster import TestCluster, running_cluster
from tests.docs.pages import PAGES, ROOT, Block, blocks, inline
from tools import check_links

FILES = {
    ("audit.k8s.io/v1", "Policy"): read_policy,
    ("apiserver.config.k8s.io/v1", "AuthenticationConfiguration"): load_authentication,
    ("apiserver.config.k8s.io/v1", "AdmissionConfiguration"): load_admission,
    ("v1", "Config"): load_webhook,
}
"""What reads the files that `grappe up` takes; they are no objects of a cluster."""
MANIFESTS = [block for block in blocks("yaml") if "\nkind:" in block.text]


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles_and_finds_what_it_imports(block: Block) -> None:
    tree = compile(
        block.text, str(block), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name), f"{block}: {node.module} has no {name.name}"


@pytest.mark.parametrize("block", MANIFESTS, ids=str)
async def test_manifests_are_accepted_by_a_cluster(block: Block, tmp_path: Path) -> None:
    kinds = {(r.api_version, r.kind): r for r in (*BUILTIN, APPLICATIONS)}
    async with running_cluster() as cluster:
        await install(cluster.client)
        for manifest in yaml.safe_load_all(block.text):
            if read := FILES.get((manifest["apiVersion"], manifest["kind"])):
                (tmp_path / "file").write_text(yaml.safe_dump(manifest))
                read(tmp_path / "file")
                continue
            await accepted(cluster, kinds[manifest["apiVersion"], manifest["kind"]], manifest)


async def accepted(cluster: TestCluster, resource: object, manifest: object) -> None:
    await cluster.client.create(resource, manifest, dry_run=True)  # type: ignore[arg-type]


def test_there_are_snippets_to_check() -> None:
    assert MANIFESTS
    assert blocks("python")


def test_no_link_is_dead(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_links.main() == 0, capsys.readouterr().out


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    assert not [page.name for page in PAGES[1:] if f"{page.relative_to(ROOT)})" not in readme]


def test_files_named_in_the_docs_are_there() -> None:
    """`controllers/job/counting.py`, `tests/crash/`: below the root, or anywhere in src/grappe."""
    named = {
        (page.name, code)
        for page in PAGES
        for code in inline(page)
        if re.fullmatch(r"[a-z_/*0-9-]+\.py|(src|tests|bench|tools|docs|examples)/[\w/.*-]+", code)
    }
    assert len(named) > 20
    missing = [
        f"{page}: {code}"
        for page, code in sorted(named)
        if not any(ROOT.glob(code)) and not any((ROOT / "src" / "grappe").rglob(code))
    ]
    assert not missing
