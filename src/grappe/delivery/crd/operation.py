"""Schema of `operation`: a sync somebody asks for; the same shape is kept in the status."""

from __future__ import annotations

from grappe.delivery.crd.schema import BOOLEAN, INTEGER, STRING, STRINGS, array, described, record
from grappe.delivery.crd.source import INFO, RETRY, SOURCE, SOURCES

INITIATED_BY = record(username=STRING, automated=BOOLEAN)

OPERATION = described(
    "A sync asked for; removed once it is done.",
    record(
        sync=record(
            revision=described("What to sync to instead of spec's targetRevision.", STRING),
            revisions=STRINGS,
            prune=BOOLEAN,
            dryRun=BOOLEAN,
            syncStrategy=record(apply=record(force=BOOLEAN), hook=record(force=BOOLEAN)),
            resources=described(
                "Sync only these.",
                array(
                    record("kind", "name", group=STRING, kind=STRING, name=STRING, namespace=STRING)
                ),
            ),
            source=SOURCE,
            sources=SOURCES,
            manifests=STRINGS,
            syncOptions=STRINGS,
            autoHealAttemptsCount=INTEGER,
        ),
        initiatedBy=INITIATED_BY,
        info=INFO,
        retry=RETRY,
    ),
)
