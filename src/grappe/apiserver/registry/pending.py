"""Stand-ins until schema, patch, apply, defaults, admission and discovery land. Temporary."""

# mypy: ignore-errors
from __future__ import annotations

try:
    from grappe.api.defaults import apply_defaults
except ImportError:

    def apply_defaults(resource, obj):
        pass


try:
    from grappe.api.apply import apply, track_update
except ImportError:

    def track_update(old, new, **_):
        pass

    def apply(live, applied, **_):
        if live is None:
            return applied
        from grappe.api.patch import merge_patch

        return merge_patch(live, applied)


try:
    from grappe.apiserver.admission.chain import Chain, default_plugins
except ImportError:

    def default_plugins(*_):
        return ()

    class Chain:
        def __init__(self, *_, **__):
            pass

        async def admit(self, request):
            pass

        async def validate(self, request):
            pass
