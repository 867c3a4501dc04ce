"""A store that lives and dies with its process: for tests and throw-away clusters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grappe.store.core import HistoryLimits, JournaledStore, Write


class _NoJournal:
    """Keeps nothing."""

    def append(self, writes: Sequence[Write]) -> None:
        pass

    def forget(self, revisions: Sequence[int]) -> None:
        pass

    def close(self) -> None:
        pass


class MemoryStore(JournaledStore):
    """A Store without a disk. `indexes`: (bucket, field) pairs that `by_field` finds quickly."""

    def __init__(
        self,
        indexes: Iterable[tuple[str, str]] = (),
        limits: HistoryLimits | None = None,
    ) -> None:
        super().__init__(_NoJournal(), indexes, limits or HistoryLimits())
