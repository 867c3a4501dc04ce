"""Schema of `status`."""

from __future__ import annotations

from grappe.delivery.crd.operation import INITIATED_BY, OPERATION
from grappe.delivery.crd.schema import (
    BOOLEAN,
    INTEGER,
    STRING,
    STRING_MAP,
    STRINGS,
    TIME,
    array,
    described,
    record,
)
from grappe.delivery.crd.source import DESTINATION, IGNORE_DIFFERENCES, SOURCE, SOURCES

_HEALTH = record(status=STRING, message=STRING, lastTransitionTime=TIME)

_RESOURCE = record(
    group=STRING,
    version=STRING,
    kind=STRING,
    namespace=STRING,
    name=STRING,
    status=STRING,
    health=_HEALTH,
    hook=BOOLEAN,
    requiresPruning=BOOLEAN,
    requiresDeletionConfirmation=BOOLEAN,
    syncWave=INTEGER,
)

_RESULT = record(
    "group",
    "kind",
    "name",
    "namespace",
    "version",
    group=STRING,
    version=STRING,
    kind=STRING,
    namespace=STRING,
    name=STRING,
    status=STRING,
    message=STRING,
    hookType=STRING,
    hookPhase=STRING,
    syncPhase=STRING,
    images=STRINGS,
)

_OPERATION_STATE = record(
    "operation",
    "phase",
    "startedAt",
    operation=OPERATION,
    phase=STRING,
    message=STRING,
    syncResult=record(
        "revision",
        revision=STRING,
        revisions=STRINGS,
        source=SOURCE,
        sources=SOURCES,
        resources=array(_RESULT),
        managedNamespaceMetadata=record(labels=STRING_MAP, annotations=STRING_MAP),
    ),
    startedAt=TIME,
    finishedAt=TIME,
    retryCount=INTEGER,
)

_HISTORY = record(
    "deployedAt",
    "id",
    id=INTEGER,
    revision=STRING,
    revisions=STRINGS,
    source=SOURCE,
    sources=SOURCES,
    deployStartedAt=TIME,
    deployedAt=TIME,
    initiatedBy=INITIATED_BY,
)

STATUS = described(
    "What was found and done; written by the delivery controller.",
    record(
        sync=record(
            "status",
            status=described("Synced, OutOfSync or Unknown.", STRING),
            revision=STRING,
            revisions=STRINGS,
            comparedTo=record(
                "destination",
                source=SOURCE,
                sources=SOURCES,
                destination=DESTINATION,
                ignoreDifferences=IGNORE_DIFFERENCES,
            ),
        ),
        health=_HEALTH,
        resources=array(_RESOURCE),
        conditions=array(
            record("message", "type", type=STRING, message=STRING, lastTransitionTime=TIME)
        ),
        operationState=_OPERATION_STATE,
        history=array(_HISTORY),
        summary=record(images=STRINGS, externalURLs=STRINGS),
        reconciledAt=TIME,
        observedAt=TIME,
        sourceType=STRING,
        sourceTypes=STRINGS,
        resourceHealthSource=STRING,
        controllerNamespace=STRING,
    ),
)
