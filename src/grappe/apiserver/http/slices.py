"""Long bodies in slices, so that no client keeps the loop from the others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def slices(start: bytes, body: bytes | Sequence[bytes], size: int) -> Iterator[bytes | memoryview]:
    """The head and the body in pieces of about `size` bytes, copying as little as possible."""
    pieces = [start]
    length = len(start)
    for part in [body] if isinstance(body, bytes) else body:
        if len(part) > 2 * size:
            yield b"".join(pieces)
            pieces, length = [], 0
            view = memoryview(part)
            for offset in range(0, len(part), size):
                yield view[offset : offset + size]
            continue
        pieces.append(part)
        length += len(part)
        if length >= size:
            yield pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces, length = [], 0
    if pieces:
        yield b"".join(pieces)
