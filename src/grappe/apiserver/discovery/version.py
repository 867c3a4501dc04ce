"""Which Kubernetes this is."""

from __future__ import annotations

import platform

import grappe
from grappe.api import Object

KUBERNETES_VERSION = "1.36.2"
"""The release whose behaviour is served; charts and clients decide by it."""


def version_info() -> Object:
    """What `/version` answers (https://kubernetes.io/docs/reference/using-api/ : `version.Info`).

    The fields are those client libraries require; `goVersion` and `compiler` tell what this
    really runs on.
    """
    major, minor, _ = KUBERNETES_VERSION.split(".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": f"v{KUBERNETES_VERSION}+grappe",
        "gitCommit": f"grappe-{grappe.__version__}",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"linux/{machine}",
    }
