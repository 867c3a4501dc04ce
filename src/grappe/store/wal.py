"""What a write-ahead log file tells beyond what SQLite reads of it.

SQLite reads a log up to the first frame that does not fit and takes the rest for what a power cut
left of a transaction that never ended. That is right for the last transaction. But each of ours is
on disk before the next one begins, so whole transactions behind a frame that does not fit are
writes that were acknowledged, and the frame is damage.
https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct

_HEADER, _FRAME_HEADER = 32, 24
_LITTLE, _BIG = 0x377F0682, 0x377F0683


def acknowledged_after(log: bytes, frames: int, page_size: int) -> bool:
    """Whether `log`, of which SQLite could read `frames` frames, holds transactions behind them
    that had ended, the very last one left aside: whether that one had ended cannot be known."""
    if len(log) < _HEADER + _FRAME_HEADER:
        return False
    salt = log[16:24] if _sound_header(log) else log[_HEADER + 8 : _HEADER + 16]
    size = _FRAME_HEADER + page_size
    ends = 0
    for at in range(_HEADER + frames * size, len(log) - _FRAME_HEADER + 1, size):
        if log[at + 8 : at + 16] == salt and log[at + 4 : at + 8] != b"\0\0\0\0":
            ends += 1
    return ends > 1


def _sound_header(log: bytes) -> bool:
    """Whether the log's own header is as SQLite wrote it."""
    (magic,) = struct.unpack_from(">I", log)
    if magic not in (_LITTLE, _BIG):
        return False
    words = struct.unpack_from("<6I" if magic == _LITTLE else ">6I", log)
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.unpack_from(">2I", log, 24) == (first, second)
