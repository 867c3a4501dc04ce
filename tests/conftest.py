"""What every test run has in common."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A slow machine is no failure: CI runs next to other work.
settings.register_profile("grappe", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("grappe")
