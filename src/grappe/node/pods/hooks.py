"""postStart and preStop hooks.

https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
"""

from __future__ import annotations

import asyncio

from grappe.api import Object
from grappe.node.probes.handlers import PortError, http_get
from grappe.node.runtime.interface import Runtime, RuntimeFault

_HTTP_TIMEOUT = 30.0


class HookFailed(Exception):
    """The hook did not succeed; the message is for an event."""


async def run(
    runtime: Runtime, container_id: str, container: Object, handler: Object, ip: str, timeout: float
) -> None:
    """Run one hook to its end, for at most `timeout` seconds. Raises HookFailed."""
    try:
        if "exec" in handler:
            command = handler["exec"].get("command") or []
            result = await runtime.exec_sync(container_id, command, timeout)
            if result.exit_code:
                text = (result.stdout + result.stderr)[:1024].decode("utf-8", "replace")
                raise HookFailed(
                    f"Exec lifecycle hook ({command}) failed - error: "
                    f"command '{' '.join(command)}' "
                    f'exited with {result.exit_code}: , message: "{text}"'
                )
        elif "httpGet" in handler:
            if runtime.network_probe(container_id, "hook") is None:
                limit = min(timeout, _HTTP_TIMEOUT)
                found = await http_get(handler["httpGet"], container, ip, limit)
                if not found.ok:
                    raise HookFailed(f"HTTP lifecycle hook failed - error: {found.message}")
        elif "sleep" in handler:
            await asyncio.sleep(min(float(handler["sleep"].get("seconds") or 0), timeout))
    except (RuntimeFault, PortError) as fault:
        raise HookFailed(str(fault)) from fault
    except TimeoutError:
        raise HookFailed(f"the hook took longer than {timeout:g}s") from None
