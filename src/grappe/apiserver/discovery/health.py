"""`/healthz`, `/livez` and `/readyz`: one word, or with `?verbose` one line for each check.

https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from grappe.apiserver.http.messages import Response
from grappe.base.metrics import Counter, Gauge, Registry

Check = Callable[[], bool]
ENDPOINTS = ("healthz", "livez", "readyz")
_TEXT = "text/plain; charset=utf-8"
_NO_SNIFFING = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache, private"))


class Health:
    """`alive` are the checks of every endpoint, `ready` those of `/readyz` alone. `slis` counts
    their results (https://kubernetes.io/docs/reference/instrumentation/slis/)."""

    def __init__(
        self, alive: Mapping[str, Check], ready: Mapping[str, Check], slis: Registry
    ) -> None:
        self._passing = slis.add(
            Gauge("kubernetes_healthcheck", "1: the check passed last.", ("name", "type"))
        )
        self._results = slis.add(
            Counter(
                "kubernetes_healthchecks_total",
                "Results of health checks.",
                ("name", "status", "type"),
            )
        )
        everything = {"ping": _ping, **alive}
        self._checks: dict[str, dict[str, Check]] = {
            "healthz": everything,
            "livez": everything,
            "readyz": {**everything, **ready},
        }

    def answer(self, path: str, query: str) -> Response | None:
        """The answer for `/ENDPOINT` and `/ENDPOINT/CHECK`; None: no such thing."""
        endpoint, _, one = path.strip("/").partition("/")
        checks = self._checks.get(endpoint)
        if checks is None:
            return None
        parameters = parse_qs(query, keep_blank_values=True)
        if one:
            if one not in checks:
                return None
            checks = {one: checks[one]}
        excluded = set(parameters.get("exclude", ()))
        lines, failed = [], []
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
            elif self._passes(name, endpoint, check):
                lines.append(f"[+]{name} ok")
            else:
                lines.append(f"[-]{name} failed: reason withheld")
                failed.append(name)
        unknown = excluded - checks.keys()
        if unknown:
            told = ", ".join(f'"{name}"' for name in sorted(unknown))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {told}")
        if failed:
            lines.append(f"{endpoint} check failed")
            return _text(500, "\n".join(lines) + "\n")
        if "verbose" in parameters and not one:
            lines.append(f"{endpoint} check passed")
            return _text(200, "\n".join(lines) + "\n")
        return _text(200, "ok")

    def _passes(self, name: str, endpoint: str, check: Check) -> bool:
        passes = check()
        self._passing.set((name, endpoint), int(passes))
        self._results.inc((name, "success" if passes else "error", endpoint))
        return passes


def _ping() -> bool:
    return True


def _text(status: int, text: str) -> Response:
    return Response(status, text.encode(), _TEXT, _NO_SNIFFING)
