"""kopf: an operator in Python that handles a custom kind, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Grappe, until

pytest.importorskip("kopf")

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wines.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: wines, singular: wine, kind: Wine}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              colour: {type: string}
              bottles: {type: integer, default: 6}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
WINE = """\
apiVersion: GROUP/v1
kind: Wine
metadata: {name: a}
spec: {colour: red}
"""


@pytest.fixture
def group(shared: Grappe, namespace: str) -> Iterator[str]:
    """A group of which there is a Wine."""
    group = f"{namespace}.example.com"
    shared.kubectl("apply", "-f", "-", stdin=DEFINITION.replace("GROUP", group))
    shared.kubectl("wait", "--for=condition=Established", f"crd/wines.{group}", "--timeout=30s")
    yield group
    shared.kubectl("delete", "crd", f"wines.{group}", "--wait=false")


@pytest.fixture
def operator(shared: Grappe, group: str, namespace: str, tmp_path: Path) -> Iterator[Path]:
    """The running operator's log."""
    log = tmp_path / "kopf.log"
    source = Path(__file__).with_name("wine_operator.py")
    environment = {
        **shared.env,
        "KUBECONFIG": str(shared.config.kubeconfig),
        "WINE_GROUP": group,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "kopf", "run", "--standalone", "-n", namespace, str(source)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield log
        finally:
            process.terminate()
            process.wait(30)


def test_an_operator_handles_its_kind_from_creation_to_deletion(
    shared: Grappe, group: str, namespace: str, operator: Path
) -> None:
    def wine() -> dict:
        found = shared.get("-n", namespace, f"wines.{group}", "a")
        return found or {"metadata": {}, "status": {}}

    def status(key: str) -> object:
        return wine().get("status", {}).get(key)

    shared.kubectl("apply", "-n", namespace, "-f", "-", stdin=WINE.replace("GROUP", group))
    until(lambda: status("colour") == "red", "the creation is handled")
    assert status("created") == {"bottles": 6}
    assert wine()["metadata"]["finalizers"] == ["kopf.example.com/tidy"]
    until(lambda: status("ticks") == 3, "the timer has run three times")
    shared.kubectl(
        "patch", "-n", namespace, f"wines.{group}", "a", "--type=merge", "-p",
        '{"spec":{"bottles":12}}',
    )  # fmt: skip
    until(lambda: status("change") == "6 to 12", "the update is handled")

    def corked() -> bool:
        events = shared.get("-n", namespace, "events", "--field-selector=reason=Corked")
        return [e["message"] for e in events["items"]] == ["6 bottles"]

    until(corked, "its event is there")
    shared.kubectl("create", "-n", namespace, "configmap", "noted")
    shared.kubectl("label", "-n", namespace, "configmap", "noted", "seen-by=kopf")
    until(lambda: f"saw MODIFIED {namespace}/noted" in operator.read_text(), "it saw the label")
    shared.kubectl("delete", "-n", namespace, f"wines.{group}", "a", "--timeout=60s")
    assert "Handler 'deleted' succeeded" in operator.read_text()
    assert "Traceback" not in operator.read_text()
