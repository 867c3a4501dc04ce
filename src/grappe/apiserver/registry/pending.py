"""Stand-ins until schema, patch, apply, defaults, admission and discovery land. Temporary."""

# mypy: ignore-errors
from __future__ import annotations

import json

try:
    from grappe.api.schema import builtin_schema
except ImportError:

    class _Schema:
        def unknown_fields(self, obj):
            return []

        def default(self, obj):
            pass

        prune = default

        def check(self, obj):
            return []

    def builtin_schema(api_version, kind):
        return _Schema()


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
        return merge_patch(live, applied)


try:
    from grappe.api.patch import json_patch, merge_patch, strategic_merge_patch
except ImportError:
    from grappe.api.patch.merge_patch import merge_patch

    def strategic_merge_patch(doc, patch, schema):
        return merge_patch(doc, patch)


try:
    from grappe.apiserver.admission.chain import Chain
except ImportError:

    class Chain:
        def __init__(self, *_, **__):
            pass

        async def admit(self, request):
            pass

        async def validate(self, request):
            pass


try:
    from grappe.apiserver.discovery.discovery import Discovery
except ImportError:
    from grappe.api.resources import BUILTIN
    from grappe.apiserver.http.messages import Response

    def _answer(obj):
        return Response(200, json.dumps(obj).encode())

    class Discovery:
        def __init__(self, *_, **__):
            pass

        def answer(self, request):
            path = request.path.strip("/")
            if path == "api":
                return _answer({"kind": "APIVersions", "versions": ["v1"]})
            if path == "version":
                return _answer({"major": "1", "minor": "36", "gitVersion": "v1.36.2"})
            if path == "apis":
                groups = {}
                for r in BUILTIN:
                    if r.group:
                        groups.setdefault(r.group, {})[r.version] = None
                return _answer(
                    {
                        "kind": "APIGroupList",
                        "apiVersion": "v1",
                        "groups": [
                            {
                                "name": g,
                                "versions": [
                                    {"groupVersion": f"{g}/{v}", "version": v} for v in vs
                                ],
                                "preferredVersion": {
                                    "groupVersion": f"{g}/{next(iter(vs))}",
                                    "version": next(iter(vs)),
                                },
                            }
                            for g, vs in groups.items()
                        ],
                    }
                )
            version = path.removeprefix("apis/").removeprefix("api/")
            found = [r for r in BUILTIN if r.api_version == version]
            if not found:
                return None
            return _answer(
                {
                    "kind": "APIResourceList",
                    "apiVersion": "v1",
                    "groupVersion": version,
                    "resources": [
                        {
                            "name": r.plural,
                            "singularName": r.singular,
                            "namespaced": r.namespaced,
                            "kind": r.kind,
                            "verbs": list(r.verbs),
                            "shortNames": list(r.short_names),
                            "categories": list(r.categories),
                        }
                        for r in found
                    ],
                }
            )


try:
    from grappe.apiserver.crd.resources import CustomResourceCatalog as CustomResources
except ImportError:

    class CustomResources:
        def __init__(self, *_, **__):
            pass

        def lookup(self, group, version, plural):
            return None

        def served(self):
            return ()

