"""Which form of a discovery document a client prefers."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from grappe.apiserver.http.accept import accepted
from grappe.apiserver.registry.negotiation import MEDIA_TYPES, Media

_CONVERSION = {"g": "apidiscovery.k8s.io", "v": "v2", "as": "APIGroupDiscoveryList"}


class DiscoveryForm(NamedTuple):
    """`aggregated`: everything in one document (KEP-3352), where there is one."""

    aggregated: bool
    media: Media


@lru_cache(maxsize=256)
def discovery_form(header: str) -> DiscoveryForm:
    """The first form of an Accept header that we can give; JSON when there is none."""
    for entry in accepted(header):
        for media, name in MEDIA_TYPES.items():
            if entry.media_type not in (name, "application/*", "*/*"):
                continue
            named = {key: entry.parameters[key] for key in _CONVERSION if key in entry.parameters}
            if not named or named == _CONVERSION:
                return DiscoveryForm(bool(named), media)
    return DiscoveryForm(False, "json")
