"""Load by wrk (https://github.com/wg/wrk), in a process of its own."""

from __future__ import annotations

import itertools
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}

CREATE = """
local n = 0
function request()
  n = n + 1
  local body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"created-ROUND-' .. n ..
    '","labels":{"app":"bench"}},"data":{"k":"' .. string.rep("v", 600) .. '"}}'
  return wrk.format("POST", nil, nil, body)
end
"""


_numbers = itertools.count()


def unique() -> str:
    """A part of a name that was not given before in this run."""
    return f"u{next(_numbers)}"


def paced(milliseconds: int) -> str:
    """A script's part: so long after an answer its connection asks again."""
    return f"function delay() return {max(1, milliseconds)} end\n"


@dataclass(frozen=True)
class Load:
    """What wrk saw. Latencies in milliseconds; `refused` counts answers other than 2xx;
    `cpu_us` is the server's processor time for each request, the steadiest of the figures."""

    per_second: float
    p50: float
    p99: float
    refused: int
    cpu_us: float


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def run(
    url: str,
    *,
    pid: int,
    seconds: int,
    connections: int = 16,
    token: str = "",
    script: str = "",
) -> Load:
    """Requests as fast as process `pid` answers them, from one thread."""
    headers = ["-H", "Content-Type: application/json"]
    if token:
        headers += ["-H", f"Authorization: Bearer {token}"]
    warm_up = ["wrk", "-t1", f"-c{connections}", "-d1", *headers]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", *headers]
    with tempfile.TemporaryDirectory() as directory:
        if script:
            path = Path(directory) / "script.lua"
            path.write_text(script)
            command += ["-s", str(path)]
        # A process that has just been idle runs at half its speed for a second. What wakes it must
        # leave nothing behind: a list of the collection would still be on its way when it counts.
        parts = urlsplit(url)
        awake = f"{parts.scheme}://{parts.netloc}/version"
        subprocess.run([*warm_up, awake], check=True, capture_output=True)
        before = cpu_seconds(pid)
        text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
        return parse(text, cpu_seconds(pid) - before)


def parse(text: str, cpu: float) -> Load:
    """wrk's report, of a run that cost the server `cpu` seconds."""
    requests = re.search(r"(\d+) requests in", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if rate is None or requests is None:
        raise ValueError(f"wrk said nothing of use: {text}")
    return Load(
        float(rate[1]),
        _percentile(text, "50%"),
        _percentile(text, "99%"),
        int(refused[1]) if refused else 0,
        cpu / max(1, int(requests[1])) * 1e6,
    )


def _percentile(text: str, name: str) -> float:
    found = re.search(rf"\s{name}\s+([\d.]+)(us|ms|s|m)", text)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")
