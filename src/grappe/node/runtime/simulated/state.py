"""Simulated sandboxes and containers, and their files, from which a restarted agent finds them."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from grappe.node.runtime.interface import ContainerState


@dataclass(slots=True)
class SimulatedContainer:
    """Times are seconds since the epoch; `ends_at` 0 means it does not end by itself."""

    id: str
    name: str
    attempt: int
    image: str
    log_path: str
    labels: dict[str, str]
    annotations: dict[str, str]
    created_at: float
    state: ContainerState = "created"
    started_at: float = 0.0
    finished_at: float = 0.0
    ends_at: float = 0.0
    ends_with: int = 0
    exit_code: int = 0
    reason: str = ""


@dataclass(slots=True)
class SimulatedSandbox:
    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    labels: dict[str, str]
    annotations: dict[str, str]
    log_directory: str
    created_at: float
    ip: str
    host_network: bool
    ready: bool = True
    containers: dict[str, SimulatedContainer] = field(default_factory=dict)


class StateFiles:
    """One JSON file for each sandbox in `directory`, replaced as a whole; None: kept nowhere."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def save(self, sandbox: SimulatedSandbox) -> None:
        if self._directory is not None:
            path = self._directory / f"{sandbox.id}.json"
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(dataclasses.asdict(sandbox)))
            os.replace(temporary, path)

    def remove(self, sandbox: SimulatedSandbox) -> None:
        if self._directory is not None:
            (self._directory / f"{sandbox.id}.json").unlink(missing_ok=True)

    def load(self) -> list[SimulatedSandbox]:
        """All that were saved; a damaged file counts as none."""
        found = []
        for path in sorted(self._directory.glob("*.json")) if self._directory else []:
            try:
                facts = json.loads(path.read_text())
                containers = facts.pop("containers")
                sandbox = SimulatedSandbox(**facts)
                sandbox.containers = {
                    key: SimulatedContainer(**value) for key, value in containers.items()
                }
                found.append(sandbox)
            except (ValueError, TypeError, KeyError):
                path.unlink()
        return found
