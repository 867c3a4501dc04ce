"""One log format for every process: time, level, component, message. Never log secrets."""

from __future__ import annotations

import logging
import sys
import time


def setup(level: str = "INFO") -> None:
    """Send this process's log lines to stderr; the supervisor sends that to a file."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname).1s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
