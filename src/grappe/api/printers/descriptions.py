"""What is said of a column in a Table: the published text of the field it shows.

Kubernetes takes its texts from there too, but for columns that show no field as it is; of those
nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from grappe.api.schema.definitions import descriptions_of

_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_EVERYWHERE = {"Name": (_META, "name"), "Age": (_META, "creationTimestamp")}
_PREFIX = "io.k8s.api."

# KIND, then `COLUMN = FIELD` of the definition named last with a colon
_TABLE = """
Pod
  core.v1.PodStatus: IP = podIP; Nominated Node = nominatedNodeName
  core.v1.PodSpec: Node = nodeName; Readiness Gates = readinessGates
Service
  core.v1.ServiceSpec: Type = type; Cluster-IP = clusterIP; External-IP = externalIPs
  core.v1.ServiceSpec: Port(s) = ports; Selector = selector
Endpoints
  core.v1.Endpoints: Endpoints = subsets
EndpointSlice
  discovery.v1.EndpointSlice: AddressType = addressType; Ports = ports; Endpoints = endpoints
Node
  core.v1.NodeSystemInfo: Version = kubeletVersion; OS-Image = osImage
  core.v1.NodeSystemInfo: Kernel-Version = kernelVersion
  core.v1.NodeSystemInfo: Container-Runtime = containerRuntimeVersion
  core.v1.NodeStatus: Internal-IP = addresses; External-IP = addresses
Event
  core.v1.Event: Last Seen = lastTimestamp; First Seen = firstTimestamp; Count = count
  core.v1.Event: Type = type; Reason = reason; Message = message; Source = source
  core.v1.Event: Object = involvedObject
  core.v1.ObjectReference: Subobject = fieldPath
ConfigMap
  core.v1.ConfigMap: Data = data
Secret
  core.v1.Secret: Type = type; Data = data
PersistentVolume
  core.v1.PersistentVolumeSpec: Capacity = capacity; Access Modes = accessModes
  core.v1.PersistentVolumeSpec: Reclaim Policy = persistentVolumeReclaimPolicy
  core.v1.PersistentVolumeSpec: Claim = claimRef; VolumeMode = volumeMode
  core.v1.PersistentVolumeStatus: Status = phase; Reason = reason
PersistentVolumeClaim
  core.v1.PersistentVolumeClaimStatus: Status = phase; Capacity = capacity
  core.v1.PersistentVolumeClaimStatus: Access Modes = accessModes
  core.v1.PersistentVolumeClaimSpec: Volume = volumeName; VolumeMode = volumeMode
ReplicationController
  core.v1.ReplicationControllerSpec: Desired = replicas; Selector = selector
  core.v1.ReplicationControllerStatus: Current = replicas; Ready = readyReplicas
ReplicaSet
  apps.v1.ReplicaSetSpec: Desired = replicas; Selector = selector
  apps.v1.ReplicaSetStatus: Current = replicas; Ready = readyReplicas
Deployment
  apps.v1.DeploymentStatus: Up-to-date = updatedReplicas; Available = availableReplicas
  apps.v1.DeploymentSpec: Selector = selector
DaemonSet
  apps.v1.DaemonSetStatus: Desired = desiredNumberScheduled; Current = currentNumberScheduled
  apps.v1.DaemonSetStatus: Ready = numberReady; Up-to-date = updatedNumberScheduled
  apps.v1.DaemonSetStatus: Available = numberAvailable
  apps.v1.DaemonSetSpec: Selector = selector
  core.v1.PodSpec: Node Selector = nodeSelector
ControllerRevision
  apps.v1.ControllerRevision: Revision = revision
Job
  batch.v1.JobStatus: Completions = succeeded
  batch.v1.JobSpec: Selector = selector
CronJob
  batch.v1.CronJobSpec: Schedule = schedule; Timezone = timeZone; Suspend = suspend
  batch.v1.CronJobStatus: Active = active; Last Schedule = lastScheduleTime
  batch.v1.JobSpec: Selector = selector
HorizontalPodAutoscaler
  autoscaling.v2.HorizontalPodAutoscalerSpec: Reference = scaleTargetRef; Targets = metrics
  autoscaling.v2.HorizontalPodAutoscalerSpec: MinPods = minReplicas; MaxPods = maxReplicas
  autoscaling.v2.HorizontalPodAutoscalerStatus: Replicas = currentReplicas
NetworkPolicy
  networking.v1.NetworkPolicySpec: Pod-Selector = podSelector
IPAddress
  networking.v1.IPAddressSpec: ParentRef = parentRef
ServiceCIDR
  networking.v1.ServiceCIDRSpec: CIDRs = cidrs
RoleBinding
  rbac.v1.RoleBinding: Role = roleRef
ClusterRoleBinding
  rbac.v1.ClusterRoleBinding: Role = roleRef
CertificateSigningRequest
  certificates.v1.CertificateSigningRequestSpec: Requestor = request; SignerName = signerName
  certificates.v1.CertificateSigningRequestStatus: Condition = conditions
StorageClass
  storage.v1.StorageClass: Provisioner = provisioner; ReclaimPolicy = reclaimPolicy
  storage.v1.StorageClass: VolumeBindingMode = volumeBindingMode
  storage.v1.StorageClass: AllowVolumeExpansion = allowVolumeExpansion
VolumeAttributesClass
  storage.v1.VolumeAttributesClass: DriverName = driverName
VolumeAttachment
  storage.v1.VolumeAttachmentSpec: Attacher = attacher; Node = nodeName
  storage.v1.VolumeAttachmentSource: PV = persistentVolumeName
  storage.v1.VolumeAttachmentStatus: Attached = attached
CSIDriver
  storage.v1.CSIDriverSpec: AttachRequired = attachRequired; PodInfoOnMount = podInfoOnMount
  storage.v1.CSIDriverSpec: StorageCapacity = storageCapacity; TokenRequests = tokenRequests
  storage.v1.CSIDriverSpec: RequiresRepublish = requiresRepublish; Modes = volumeLifecycleModes
CSIStorageCapacity
  storage.v1.CSIStorageCapacity: StorageClassName = storageClassName; Capacity = capacity
PriorityClass
  scheduling.v1.PriorityClass: Value = value; Global-Default = globalDefault
  scheduling.v1.PriorityClass: PreemptionPolicy = preemptionPolicy
RuntimeClass
  node.v1.RuntimeClass: Handler = handler
Lease
  coordination.v1.LeaseSpec: Holder = holderIdentity
FlowSchema
  flowcontrol.v1.PriorityLevelConfigurationReference: PriorityLevel = name
  flowcontrol.v1.FlowSchemaSpec: MatchingPrecedence = matchingPrecedence
  flowcontrol.v1.FlowDistinguisherMethod: DistinguisherMethod = type
PriorityLevelConfiguration
  flowcontrol.v1.PriorityLevelConfigurationSpec: Type = type
  flowcontrol.v1.LimitedPriorityLevelConfiguration: NominalConcurrencyShares = nominalConcurrencyShares
  flowcontrol.v1.QueuingConfiguration: Queues = queues; HandSize = handSize
  flowcontrol.v1.QueuingConfiguration: QueueLengthLimit = queueLengthLimit
"""  # noqa: E501 — one name is that long


def description(kind: str, column: str) -> str:
    """The text of a built-in kind's column; empty when it shows no field."""
    return _texts().get((kind, column)) or _texts().get(("", column), "")


def table() -> Iterator[tuple[str, str, str, str]]:
    """(kind, column, definition, field) of each column that shows a field; kind is empty for
    columns that all have."""
    for column, (definition, field) in _EVERYWHERE.items():
        yield "", column, definition, field
    kind = ""
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            kind = line
            continue
        definition, _, columns = line.strip().partition(": ")
        for entry in columns.split("; "):
            column, _, field = entry.partition(" = ")
            yield kind, column, _PREFIX + definition, field


@cache
def _texts() -> dict[tuple[str, str], str]:
    wanted = list(table())
    found = descriptions_of({definition for _, _, definition, _ in wanted})
    return {
        (kind, column): found[definition][1].get(field, "")
        for kind, column, definition, field in wanted
    }
