"""The CustomResourceDefinition of Argo CD's Application, written anew from its documentation.

https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/. Fields grappe does
not act on yet (Helm, Kustomize, plugins) are in the schema all the same, so that an Application
made for Argo CD is accepted unchanged; what it cannot do is then said in a condition. Must never
refuse what Argo CD takes.
"""

from __future__ import annotations

from grappe.api import Object
from grappe.delivery.crd.operation import OPERATION
from grappe.delivery.crd.spec import SPEC
from grappe.delivery.crd.status import STATUS


def application_crd() -> Object:
    """`applications.argoproj.io`, as Argo CD's own serves it: no status subresource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "applications.argoproj.io",
            "labels": {
                "app.kubernetes.io/name": "applications.argoproj.io",
                "app.kubernetes.io/part-of": "argocd",
            },
        },
        "spec": {
            "group": "argoproj.io",
            "scope": "Namespaced",
            "names": {
                "kind": "Application",
                "listKind": "ApplicationList",
                "plural": "applications",
                "singular": "application",
                "shortNames": ["app", "apps"],
            },
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "subresources": {},
                    "additionalPrinterColumns": [
                        _column("Sync Status", ".status.sync.status"),
                        _column("Health Status", ".status.health.status"),
                        {**_column("Revision", ".status.sync.revision"), "priority": 10},
                        {**_column("Project", ".spec.project"), "priority": 10},
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "description": "What to keep running, and from which repository.",
                            "type": "object",
                            "required": ["metadata", "spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": SPEC,
                                "status": STATUS,
                                "operation": OPERATION,
                            },
                        }
                    },
                }
            ],
        },
    }


def _column(name: str, path: str) -> Object:
    return {"name": name, "type": "string", "jsonPath": path}
