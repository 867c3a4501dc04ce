"""What a simulated container does: the annotation `grappe.dev/simulate`, parsed (pure).

The annotation is a JSON object with the fields of `Script`; its member `containers` overrides them
for single containers by name:

    {"runFor": 2, "exitCode": 0, "containers": {"sidecar": {"runFor": null}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

ANNOTATION = "grappe.dev/simulate"
JOB_LABEL = "batch.kubernetes.io/job-name"
_JOB_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Script:
    """startDelay, runFor: seconds; runFor None: until stopped. exitCode: of its end. crashes: this
    many starts end with code 1 first. log: written at each start. probes: results of probes by
    name (`startup`, `readiness`, `liveness`), true where absent. stopDelay: seconds it takes to
    end after SIGTERM (None: it ignores SIGTERM)."""

    start_delay: float = 0.0
    run_for: float | None = None
    exit_code: int = 0
    crashes: int = 0
    log: str = ""
    probes: Mapping[str, bool] = field(default_factory=dict)
    stop_delay: float | None = 0.0


_NAMES = {
    "startDelay": "start_delay",
    "runFor": "run_for",
    "exitCode": "exit_code",
    "crashes": "crashes",
    "log": "log",
    "probes": "probes",
    "stopDelay": "stop_delay",
}
assert set(_NAMES.values()) == {f.name for f in fields(Script)}


def _check(name: str, value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    right = {
        "startDelay": number,
        "runFor": number or value is None,
        "stopDelay": number or value is None,
        "exitCode": isinstance(value, int) and 0 <= value <= 255,
        "crashes": isinstance(value, int) and value >= 0,
        "log": isinstance(value, str),
        "probes": isinstance(value, dict) and all(isinstance(v, bool) for v in value.values()),
    }
    if name not in right:
        raise ValueError(f'unknown field "{name}"')
    if not right[name]:
        raise ValueError(f"{name}: {json.dumps(value)} is not possible")
    return value


def _apply(script: Script, settings: Mapping[str, Any]) -> Script:
    changes = {_NAMES.get(n, n): _check(n, v) for n, v in settings.items() if n != "containers"}
    return replace(script, **changes)


def parse(annotations: Mapping[str, str], labels: Mapping[str, str], container: str) -> Script:
    """The script of one container; ValueError says what is wrong with the annotation. Without
    one, containers of a Job complete after a second and all others run until stopped."""
    script = Script(run_for=_JOB_SECONDS) if JOB_LABEL in labels else Script()
    text = annotations.get(ANNOTATION)
    if not text:
        return script
    try:
        settings = json.loads(text)
        if not isinstance(settings, dict):
            raise ValueError("it must be a JSON object")
        single = settings.get("containers", {})
        if not isinstance(single, dict) or not all(isinstance(v, dict) for v in single.values()):
            raise ValueError("containers must be objects by container name")
        return _apply(_apply(script, settings), single.get(container, {}))
    except ValueError as error:
        raise ValueError(f"annotation {ANNOTATION}: {error}") from error
