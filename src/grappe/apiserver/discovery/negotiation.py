"""Which form of a discovery document a client prefers."""

from __future__ import annotations

from typing import NamedTuple


class Accepted(NamedTuple):
    """One entry of an `Accept` header, lower-cased, with its parameters."""

    media_type: str
    parameters: dict[str, str]


def accepted(header: str) -> list[Accepted]:
    """The entries of an `Accept` header, the preferred first (RFC 9110 section 12.5.1)."""
    found: list[tuple[float, Accepted]] = []
    for entry in header.split(","):
        media_type, *rest = (part.strip().lower() for part in entry.split(";"))
        if not media_type:
            continue
        parameters = dict(part.partition("=")[::2] for part in rest)
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if weight > 0:
            found.append((-weight, Accepted(media_type, parameters)))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def wants_aggregated(header: str) -> bool:
    """Whether the first form we can give is the aggregated one."""
    for entry in accepted(header):
        if entry.media_type not in ("application/json", "application/*", "*/*"):
            continue
        wanted = entry.parameters.get("as")
        if wanted is None:
            return False
        if wanted == "apigroupdiscoverylist" and entry.parameters.get("v") == "v2":
            return True
    return False
