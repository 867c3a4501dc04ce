"""Load by wrk (https://github.com/wg/wrk), in a process of its own."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}

CREATE = """
local n = 0
function request()
  n = n + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%(prefix)s-' .. n ..
    '","labels":{"app":"bench"}},"data":{"k":"' .. string.rep("v", 600) .. '"}}'
  return wrk.format("POST", nil, nil, body)
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw. Latencies in milliseconds; `refused` counts answers other than 2xx."""

    per_second: float
    p50: float
    p99: float
    refused: int


def run(
    url: str,
    *,
    seconds: int,
    connections: int = 16,
    token: str = "",
    script: str = "",
) -> Load:
    """Requests as fast as they are answered, on one thread."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    command += ["-H", "Content-Type: application/json"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    with tempfile.TemporaryDirectory() as directory:
        if script:
            path = Path(directory) / "script.lua"
            path.write_text(script)
            command += ["-s", str(path)]
        text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    return parse(text)


def parse(text: str) -> Load:
    """wrk's report."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if rate is None:
        raise ValueError(f"wrk said nothing of use: {text}")
    return Load(
        float(rate[1]),
        _percentile(text, "50%"),
        _percentile(text, "99%"),
        int(refused[1]) if refused else 0,
    )


def _percentile(text: str, name: str) -> float:
    found = re.search(rf"\s{name}\s+([\d.]+)(us|ms|s|m)", text)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")
