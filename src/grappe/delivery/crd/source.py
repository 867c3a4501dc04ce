"""Schema of one source: a repository, a revision, a path, and how to render it."""

from __future__ import annotations

from grappe.delivery.crd.schema import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    STRING,
    STRING_MAP,
    STRINGS,
    array,
    described,
    record,
)

_NAME_VALUE = record("name", "value", name=STRING, value=STRING)
_JSONNET_VARIABLES = array(record("name", "value", name=STRING, value=STRING, code=BOOLEAN))

_DIRECTORY = described(
    "How to read a folder of plain manifests.",
    record(
        recurse=described("Whether folders below are read too.", BOOLEAN),
        include=described("Glob of the files to read, relative to the path.", STRING),
        exclude=described("Glob of the files not to read; stronger than include.", STRING),
        jsonnet=record(extVars=_JSONNET_VARIABLES, tlas=_JSONNET_VARIABLES, libs=STRINGS),
    ),
)

_HELM = record(
    apiVersions=STRINGS,
    fileParameters=array(record(name=STRING, path=STRING)),
    ignoreMissingValueFiles=BOOLEAN,
    kubeVersion=STRING,
    namespace=STRING,
    parameters=array(record(name=STRING, value=STRING, forceString=BOOLEAN)),
    passCredentials=BOOLEAN,
    releaseName=STRING,
    skipCrds=BOOLEAN,
    skipSchemaValidation=BOOLEAN,
    skipTests=BOOLEAN,
    valueFiles=STRINGS,
    values=STRING,
    valuesObject=ANYTHING,
    version=STRING,
)

_KUSTOMIZE = record(
    apiVersions=STRINGS,
    commonAnnotations=STRING_MAP,
    commonAnnotationsEnvsubst=BOOLEAN,
    commonLabels=STRING_MAP,
    components=STRINGS,
    forceCommonAnnotations=BOOLEAN,
    forceCommonLabels=BOOLEAN,
    ignoreMissingComponents=BOOLEAN,
    images=STRINGS,
    kubeVersion=STRING,
    labelIncludeTemplates=BOOLEAN,
    labelWithoutSelector=BOOLEAN,
    namePrefix=STRING,
    nameSuffix=STRING,
    namespace=STRING,
    patches=array(
        record(
            patch=STRING,
            path=STRING,
            options={"type": "object", "additionalProperties": BOOLEAN},
            target=record(
                group=STRING,
                version=STRING,
                kind=STRING,
                name=STRING,
                namespace=STRING,
                annotationSelector=STRING,
                labelSelector=STRING,
            ),
        )
    ),
    replicas=array(
        record("count", "name", name=STRING, count={"x-kubernetes-int-or-string": True})
    ),
    version=STRING,
)

_PLUGIN = record(
    name=STRING,
    env=array(_NAME_VALUE),
    parameters=array(record(name=STRING, string=STRING, map=STRING_MAP, array=STRINGS)),
)

SOURCE = record(
    "repoURL",
    repoURL=described("URL of the Git repository, or a path on the server's disk.", STRING),
    path=described("Folder in the repository.", STRING),
    targetRevision=described("Branch, tag or commit; HEAD when empty.", STRING),
    directory=_DIRECTORY,
    helm=_HELM,
    kustomize=_KUSTOMIZE,
    plugin=_PLUGIN,
    chart=STRING,
    ref=STRING,
    name=STRING,
)
SOURCES = array(SOURCE)

IGNORE_DIFFERENCES = array(
    record(
        "kind",
        group=STRING,
        kind=STRING,
        name=STRING,
        namespace=STRING,
        jsonPointers=STRINGS,
        jqPathExpressions=STRINGS,
        managedFieldsManagers=STRINGS,
    )
)

DESTINATION = described(
    "Where to apply it.",
    record(
        server=described("URL of the cluster's API server.", STRING),
        name=described("Name of the cluster, instead of its server.", STRING),
        namespace=described("Namespace of what names none itself.", STRING),
    ),
)

INFO = array(_NAME_VALUE)

RETRY = described(
    "What to do when a sync fails.",
    record(
        limit=described("How often to try again; below 0: without end.", INTEGER),
        refresh=described("Whether to take the newest revision then.", BOOLEAN),
        backoff=record(
            duration=described('First pause, such as "5s"; a number means seconds.', STRING),
            factor=described("By what each further pause is longer.", INTEGER),
            maxDuration=described("The longest pause.", STRING),
        ),
    ),
)
