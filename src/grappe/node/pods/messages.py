"""Termination messages: what an ended container left in its file, or the end of its log.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

from __future__ import annotations

import os
from pathlib import Path

from grappe.node.pods.config import ANNOTATION_MESSAGE_POLICY
from grappe.node.runtime.interface import ContainerStatus

_FILE_LIMIT = 4096
_LOG_BYTES = 2048
_LOG_LINES = 80
_LOG_TAIL = 64 * 1024


def read(status: ContainerStatus, file: Path) -> str:
    """The message of one ended instance; empty when it left none."""
    text = ""
    try:
        with file.open("rb") as source:
            text = source.read(_FILE_LIMIT).decode("utf-8", "replace")
    except OSError:
        pass
    fallback = status.annotations.get(ANNOTATION_MESSAGE_POLICY) == "FallbackToLogsOnError"
    if not text and fallback and status.exit_code and status.log_path:
        text = _log_end(Path(status.log_path))
    return text


def _log_end(path: Path) -> str:
    try:
        with path.open("rb") as source:
            source.seek(0, os.SEEK_END)
            source.seek(max(0, source.tell() - _LOG_TAIL))
            raw = source.read().decode("utf-8", "replace")
    except OSError:
        return ""
    words = [line.split(" ", 3) for line in raw.splitlines()]
    lines = [parts[3] for parts in words if len(parts) == 4][-_LOG_LINES:]
    return "\n".join([*lines, ""])[-_LOG_BYTES:] if lines else ""
