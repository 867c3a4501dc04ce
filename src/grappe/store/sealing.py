"""The seam between the database file and whoever encrypts what is written to it.

Records in memory are plain; a row of the file is sealed on its way out and opened at start. A
plain body begins with `"`, so that a sealed one is known by its first bytes.
"""

from __future__ import annotations

from typing import Protocol

SEALED = b"k8s:enc:"
"""What every sealed body begins with, as values in Kubernetes' etcd do."""


class Sealing(Protocol):
    """Encrypts the bodies of rows. `place` is what the row says of itself: a body moved to
    another place is not opened."""

    def seals(self, bucket: str) -> bool:
        """Whether the bucket's bodies are to be sealed; the others are kept plain."""
        ...

    def seal(self, bucket: str, place: bytes, body: bytes) -> bytes:
        """The body as the file keeps it, of a bucket that is sealed."""
        ...

    def unseal(self, place: bytes, stored: bytes) -> bytes:
        """The body of a row that begins with SEALED; UserError names the key that is missing
        or wrong."""
        ...

    def fresh(self, bucket: str, stored: bytes) -> bool:
        """Whether it would be written with the same key, or plain, today."""
        ...


def place(bucket: str, key: str, revision: int, deleted: bool) -> bytes:
    """What a sealed body is bound to."""
    return f"{bucket}\0{key}\0{revision}\0{deleted:d}".encode()
