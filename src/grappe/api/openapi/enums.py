"""The values of fields that have only a few, as `kubectl explain` lists them.

The published OpenAPI v2 definitions leave them out; these are the `+enum` types of Kubernetes' Go
API. For reading only: what is allowed is decided in `grappe.api.validation`.
"""

from __future__ import annotations

from functools import cache

_PREFIX = "io.k8s.api."

# definition, then FIELD VALUE…; `""` is the empty value
_TABLE = """
core.v1.PodSpec
  dnsPolicy ClusterFirst ClusterFirstWithHostNet Default None
  preemptionPolicy Never PreemptLowerPriority
  restartPolicy Always Never OnFailure
core.v1.Container
  imagePullPolicy Always IfNotPresent Never
  terminationMessagePolicy FallbackToLogsOnError File
core.v1.EphemeralContainer
  imagePullPolicy Always IfNotPresent Never
  terminationMessagePolicy FallbackToLogsOnError File
core.v1.ImageVolumeSource
  pullPolicy Always IfNotPresent Never
core.v1.ContainerPort
  protocol SCTP TCP UDP
core.v1.HTTPGetAction
  scheme HTTP HTTPS
core.v1.HostPathVolumeSource
  type "" BlockDevice CharDevice Directory DirectoryOrCreate File FileOrCreate Socket
core.v1.VolumeMount
  mountPropagation Bidirectional HostToContainer None
core.v1.SecurityContext
  procMount Default Unmasked
core.v1.PodSecurityContext
  fsGroupChangePolicy Always OnRootMismatch
  seLinuxChangePolicy MountOption Recursive
  supplementalGroupsPolicy Merge Strict
core.v1.SeccompProfile
  type Localhost RuntimeDefault Unconfined
core.v1.AppArmorProfile
  type Localhost RuntimeDefault Unconfined
core.v1.Toleration
  effect NoExecute NoSchedule PreferNoSchedule
  operator Equal Exists Gt Lt
core.v1.Taint
  effect NoExecute NoSchedule PreferNoSchedule
core.v1.TopologySpreadConstraint
  nodeAffinityPolicy Honor Ignore
  nodeTaintsPolicy Honor Ignore
  whenUnsatisfiable DoNotSchedule ScheduleAnyway
core.v1.NodeSelectorRequirement
  operator DoesNotExist Exists Gt In Lt NotIn
core.v1.PodStatus
  phase Failed Pending Running Succeeded Unknown
  qosClass BestEffort Burstable Guaranteed
core.v1.ServiceSpec
  externalTrafficPolicy Cluster Local
  internalTrafficPolicy Cluster Local
  ipFamilyPolicy PreferDualStack RequireDualStack SingleStack
  sessionAffinity ClientIP None
  type ClusterIP ExternalName LoadBalancer NodePort
core.v1.ServicePort
  protocol SCTP TCP UDP
core.v1.EndpointPort
  protocol SCTP TCP UDP
core.v1.NamespaceStatus
  phase Active Terminating
core.v1.NodeStatus
  phase Pending Running Terminated
core.v1.PersistentVolumeSpec
  persistentVolumeReclaimPolicy Delete Recycle Retain
  volumeMode Block Filesystem
core.v1.PersistentVolumeStatus
  phase Available Bound Failed Pending Released
core.v1.PersistentVolumeClaimSpec
  volumeMode Block Filesystem
core.v1.PersistentVolumeClaimStatus
  phase Bound Lost Pending
core.v1.ScopedResourceSelectorRequirement
  operator DoesNotExist Exists In NotIn
apps.v1.DeploymentStrategy
  type Recreate RollingUpdate
apps.v1.DaemonSetUpdateStrategy
  type OnDelete RollingUpdate
apps.v1.StatefulSetUpdateStrategy
  type OnDelete RollingUpdate
apps.v1.StatefulSetSpec
  podManagementPolicy OrderedReady Parallel
autoscaling.v2.MetricSpec
  type ContainerResource External Object Pods Resource
batch.v1.CronJobSpec
  concurrencyPolicy Allow Forbid Replace
batch.v1.JobSpec
  completionMode Indexed NonIndexed
  podReplacementPolicy Failed TerminatingOrFailed
batch.v1.PodFailurePolicyRule
  action Count FailIndex FailJob Ignore
batch.v1.PodFailurePolicyOnExitCodesRequirement
  operator In NotIn
discovery.v1.EndpointSlice
  addressType FQDN IPv4 IPv6
networking.v1.HTTPIngressPath
  pathType Exact ImplementationSpecific Prefix
networking.v1.NetworkPolicyPort
  protocol SCTP TCP UDP
scheduling.v1.PriorityClass
  preemptionPolicy Never PreemptLowerPriority
storage.v1.StorageClass
  reclaimPolicy Delete Recycle Retain
  volumeBindingMode Immediate WaitForFirstConsumer
"""


@cache
def _enums() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    fields: dict[str, list[str]] = {}
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            fields = found[_PREFIX + line] = {}
            continue
        field, *values = line.split()
        fields[field] = ["" if value == '""' else value for value in values]
    return found


def enums_of(definition: str) -> dict[str, list[str]]:
    """Field → its values, sorted; empty for most definitions."""
    return _enums().get(definition, {})
