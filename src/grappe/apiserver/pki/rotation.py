"""How long keys and certificates live, and when the next authority takes over.

A new authority is trusted everywhere long before it signs anything, and the old one is trusted
until it ends. So whoever holds a certificate that has not ended trusts the server and is trusted
by it, at every moment of the change. Pure.
https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_DAY = 86400.0

Step = Literal["keep", "prepare", "switch"]


@dataclass(frozen=True)
class Lifetimes:
    """In seconds. With less than `renew` left a certificate is issued anew. With less than
    `prepare` left of the authority the next one is made and published; once it has been for as
    long as a certificate lives and less than `switch` is left, it signs."""

    leaf: float = 365 * _DAY
    renew: float = 60 * _DAY
    authority: float = 3650 * _DAY
    prepare: float = 1095 * _DAY
    switch: float = 400 * _DAY


def next_step(now: float, ends: float, next_ends: float | None, lives: Lifetimes) -> Step:
    """What is due for an authority that ends at `ends`; `next_ends` is when the one that is
    published already will end, or None."""
    left = ends - now
    if next_ends is None:
        return "prepare" if left < lives.prepare else "keep"
    published = now - (next_ends - lives.authority)
    if left <= lives.renew or (left < lives.switch and published >= lives.leaf):
        return "switch"
    return "keep"
