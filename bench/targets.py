"""What must be reached, in one place. docs/performance.md says where the numbers come from."""

from __future__ import annotations

QUIET_CPU_US = 12.0
"""Processor time the calibrator takes for a request on the quiet machine that times are told for.
Where it takes twice as long, twice the time is allowed and half the pace asked for."""

OF_CALIBRATOR = {"GET one ConfigMap": 0.25, "create ConfigMap, durable": 0.07}
"""Shares of the calibrator's rate."""

OF_CREATE = {
    "update": 0.5,
    "merge patch": 0.5,
    "strategic merge patch": 0.5,
    "JSON patch": 0.5,
    "server-side apply": 0.5,
}
"""Shares of the rate of creates."""

START_SECONDS = 1.0
"""A new cluster's server, until it is ready: of its own processor time, since a start is little
else, and others' work does not count in it."""
OBJECTS = 100_000
START_WITH_OBJECTS_SECONDS = 1.0
RESIDENT_WITH_OBJECTS = 250 * 2**20
WATCHERS = 1000
WATCH_P99_MS = 50.0
WRITES_PER_SECOND = 2000
GET_P99_MS = 5.0
"""While that many writes a second go on."""

UP_API_SECONDS = 1.0
UP_NODE_SECONDS = 3.0
"""From `grappe up` on, until the API and the node are ready."""
IDLE_RESIDENT = 200 * 2**20
IDLE_SHARE = 0.02
"""Of a core, when nobody asks anything of server, node agent and platform."""
POD_SECONDS = 1.0
"""From a pod's creation until it is Ready, its image being there."""
