"""The `Accept` header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from typing import NamedTuple


class Accepted(NamedTuple):
    """One entry of the header; the media type in lower case."""

    media_type: str
    parameters: dict[str, str]


def accepted(header: str) -> list[Accepted]:
    """The entries, the preferred first: by quality, and of the same quality what is named before
    what is a wildcard; else in the client's order."""
    found: list[tuple[float, int, Accepted]] = []
    for entry in header.split(","):
        media_type, *rest = (part.strip() for part in entry.split(";"))
        if not media_type:
            continue
        parameters = {
            name.strip(): value.strip() for name, _, value in (part.partition("=") for part in rest)
        }
        try:
            weight = float(parameters.pop("q", "1"))
        except ValueError:
            weight = 0.0
        if weight > 0:
            found.append((-weight, media_type.count("*"), Accepted(media_type.lower(), parameters)))
    return [entry for _, _, entry in sorted(found, key=lambda each: each[:2])]
