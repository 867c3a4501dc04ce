"""Schema of `spec`."""

from __future__ import annotations

from grappe.delivery.crd.schema import (
    BOOLEAN,
    INTEGER,
    STRING,
    STRING_MAP,
    STRINGS,
    described,
    record,
)
from grappe.delivery.crd.source import (
    DESTINATION,
    IGNORE_DIFFERENCES,
    INFO,
    RETRY,
    SOURCE,
    SOURCES,
)

_SYNC_POLICY = described(
    "When and how to sync.",
    record(
        automated=described(
            "Sync without being asked when the repository changes.",
            record(
                enabled=described("false switches it off without deleting it.", BOOLEAN),
                prune=described("Delete what is no longer in the repository.", BOOLEAN),
                selfHeal=described("Undo changes made by hand in the cluster.", BOOLEAN),
                allowEmpty=described("Allow pruning everything.", BOOLEAN),
            ),
        ),
        syncOptions=described("Such as CreateNamespace=true.", STRINGS),
        retry=RETRY,
        managedNamespaceMetadata=record(labels=STRING_MAP, annotations=STRING_MAP),
    ),
)

_DRY_SOURCE = record(
    "repoURL",
    "path",
    "targetRevision",
    **{name: SOURCE["properties"][name] for name in SOURCE["properties"] if name != "chart"},
)

SPEC = record(
    "destination",
    "project",
    project=described("Project it belongs to.", STRING),
    source=SOURCE,
    sources=SOURCES,
    sourceHydrator=record(
        "drySource",
        "syncSource",
        drySource=_DRY_SOURCE,
        syncSource=record("path", "targetBranch", path=STRING, targetBranch=STRING),
        hydrateTo=record("targetBranch", targetBranch=STRING),
    ),
    destination=DESTINATION,
    syncPolicy=_SYNC_POLICY,
    ignoreDifferences=IGNORE_DIFFERENCES,
    info=INFO,
    revisionHistoryLimit=described("How many entries of history to keep; 10.", INTEGER),
)
