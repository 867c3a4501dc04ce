"""The pods of a StatefulSet: names, labels, volumes. Pure."""

from __future__ import annotations

import re

from grappe.api import Object
from grappe.controllers.pod_control import pod_from_template
from grappe.controllers.revisions import REVISION_LABEL, template_of

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"

_ORDINAL = re.compile(r"(.*)-([0-9]+)")


def ordinal(owner: Object, pod: Object) -> int | None:
    """The number in a pod's name; None when it is not named after the owner."""
    match = _ORDINAL.fullmatch(pod["metadata"]["name"])
    if match is None or match[1] != owner["metadata"]["name"]:
        return None
    return int(match[2])


def revision_of(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def claims(owner: Object, number: int) -> list[Object]:
    """The PersistentVolumeClaims of one pod."""
    meta = owner["metadata"]
    selector = owner["spec"].get("selector") or {}
    made = []
    for template in owner["spec"].get("volumeClaimTemplates") or ():
        stated = template.get("metadata") or {}
        made.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": f"{stated['name']}-{meta['name']}-{number}",
                    "namespace": meta["namespace"],
                    "labels": {
                        **(stated.get("labels") or {}),
                        **(selector.get("matchLabels") or {}),
                    },
                    "annotations": stated.get("annotations") or {},
                },
                "spec": template["spec"],
            }
        )
    return made


def make_pod(owner: Object, revision: Object, number: int) -> Object:
    """The pod of an ordinal, of the template that `revision` holds."""
    pod = pod_from_template(template_of(revision), owner)
    name = f"{owner['metadata']['name']}-{number}"
    meta = pod["metadata"]
    del meta["generateName"]
    meta["name"] = name
    meta["labels"] = {
        **(meta.get("labels") or {}),
        REVISION_LABEL: revision["metadata"]["name"],
        POD_NAME: name,
        POD_INDEX: str(number),
    }
    spec = {**pod["spec"], "hostname": name, "subdomain": owner["spec"].get("serviceName") or ""}
    own_volumes = {
        t["metadata"]["name"]: c["metadata"]["name"]
        for t, c in zip(
            owner["spec"].get("volumeClaimTemplates") or (), claims(owner, number), strict=True
        )
    }
    if own_volumes:
        others = [v for v in spec.get("volumes") or () if v["name"] not in own_volumes]
        spec["volumes"] = others + [
            {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
            for volume, claim in own_volumes.items()
        ]
    return {**pod, "spec": spec}
