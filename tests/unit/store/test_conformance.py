from collections.abc import Sequence
from pathlib import Path

import pytest

from grappe.store.core import HistoryLimits
from grappe.store.interface import Store
from grappe.store.memory import MemoryStore
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    def make_store(self, indexes: Sequence[tuple[str, str]], limits: HistoryLimits | None) -> Store:
        return MemoryStore(indexes, limits)


class TestSqliteStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.path = tmp_path / "state.db"

    def make_store(self, indexes: Sequence[tuple[str, str]], limits: HistoryLimits | None) -> Store:
        return SqliteStore.open(self.path, indexes, limits)
