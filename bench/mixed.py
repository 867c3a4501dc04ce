"""How long a GET takes while others write."""

from __future__ import annotations

import threading

from bench import load
from bench.cluster import ServerProcess
from bench.figures import Figure
from bench.targets import GET_P99_MS, WRITES_PER_SECOND

_WRITERS = 20
_READERS = 4
_READ_PAUSE_MS = 2


def measure(server: ServerProcess, token: str, seconds: int, slowness: float) -> Figure:
    """Both at a pace that leaves the server time: what is measured is who has to wait for whom.
    On a machine that is slower by `slowness` so much fewer writes are made."""
    collection = f"{server.url}/api/v1/namespaces/default/configmaps"
    wanted = WRITES_PER_SECOND / slowness
    # A connection writes again so long after its last answer; an answer takes about 2 ms.
    pause = round(_WRITERS / wanted * 1000 - 2 * slowness)
    script = load.CREATE.replace("ROUND", load.unique()) + load.paced(pause)
    written: list[load.Load] = []

    def write() -> None:
        written.append(
            load.run(
                collection,
                pid=server.pid,
                seconds=seconds + 2,
                connections=_WRITERS,
                token=token,
                script=script,
            )
        )

    writer = threading.Thread(target=write)
    writer.start()
    read = load.run(
        f"{collection}/list-0",
        pid=server.pid,
        seconds=seconds,
        connections=_READERS,
        token=token,
        script=load.paced(_READ_PAUSE_MS),
    )
    writer.join()
    if read.refused or written[0].refused:
        raise RuntimeError(f"{read.refused} reads, {written[0].refused} writes were refused")
    allowed = GET_P99_MS * slowness
    return Figure(
        f"GET beside {wanted:,.0f} creates/s",
        f"p50 {read.p50:.2f} ms  p99 {read.p99:.2f} ms  ({written[0].per_second:,.0f} creates/s)",
        target=f"p99 < {allowed:.0f} ms",
        met=read.p99 < allowed,
    )
