"""Fixtures: a running API server in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from grappe.testing.cluster import TestCluster, running_cluster


@pytest.fixture
async def cluster() -> AsyncIterator[TestCluster]:
    async with running_cluster() as running:
        yield running
