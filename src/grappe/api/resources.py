"""Resources: what a REST path serves, and the table of those built into Kubernetes 1.36.

Names, short names, categories and subresources as `kubectl api-resources -o wide` shows them on
a real cluster (https://kubernetes.io/docs/reference/kubernetes-api/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote

ALL_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One version of one resource. `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    verbs: tuple[str, ...] = ALL_VERBS
    api_version: str = field(init=False, compare=False)
    bucket: str = field(init=False, compare=False)
    """The same for every version: `/pods`, `apps/deployments`."""

    def __post_init__(self) -> None:
        version = f"{self.group}/{self.version}" if self.group else self.version
        object.__setattr__(self, "api_version", version)
        object.__setattr__(self, "bucket", f"{self.group}/{self.plural}")

    @property
    def qualified(self) -> str:
        """As error messages name it: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def root(self) -> str:
        """`/api/v1` or `/apis/GROUP/VERSION`."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The percent-encoded path of a collection, an object or a subresource."""
        path = self.root
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace, safe='')}"
        path += f"/{self.plural}"
        if name is not None:
            path += f"/{quote(name, safe='')}"
            if subresource:
                path += f"/{subresource}"
        return path


# group/version: plural Kind [n = namespaced] shortnames(,) categories(,) subresources(,) [verbs]
_TABLE = """
v1
  bindings Binding n - - - create
  componentstatuses ComponentStatus - cs - - get,list
  configmaps ConfigMap n cm - -
  endpoints Endpoints n ep - -
  events Event n ev - -
  limitranges LimitRange n limits - -
  namespaces Namespace - ns - status,finalize create,delete,get,list,patch,update,watch
  nodes Node - no - status,proxy
  persistentvolumeclaims PersistentVolumeClaim n pvc - status
  persistentvolumes PersistentVolume - pv - status
  pods Pod n po all attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,\
resize,status
  podtemplates PodTemplate n - - -
  replicationcontrollers ReplicationController n rc all scale,status
  resourcequotas ResourceQuota n quota - status
  secrets Secret n - - -
  serviceaccounts ServiceAccount n sa - token
  services Service n svc all proxy,status
admissionregistration.k8s.io/v1
  mutatingadmissionpolicies MutatingAdmissionPolicy - - api-extensions -
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding - - api-extensions -
  mutatingwebhookconfigurations MutatingWebhookConfiguration - - api-extensions -
  validatingadmissionpolicies ValidatingAdmissionPolicy - - api-extensions status
  validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding - - api-extensions -
  validatingwebhookconfigurations ValidatingWebhookConfiguration - - api-extensions -
apiextensions.k8s.io/v1
  customresourcedefinitions CustomResourceDefinition - crd,crds api-extensions status
apiregistration.k8s.io/v1
  apiservices APIService - - api-extensions status
apps/v1
  controllerrevisions ControllerRevision n - - -
  daemonsets DaemonSet n ds all status
  deployments Deployment n deploy all scale,status
  replicasets ReplicaSet n rs all scale,status
  statefulsets StatefulSet n sts all scale,status
authentication.k8s.io/v1
  selfsubjectreviews SelfSubjectReview - - - - create
  tokenreviews TokenReview - - - - create
authorization.k8s.io/v1
  localsubjectaccessreviews LocalSubjectAccessReview n - - - create
  selfsubjectaccessreviews SelfSubjectAccessReview - - - - create
  selfsubjectrulesreviews SelfSubjectRulesReview - - - - create
  subjectaccessreviews SubjectAccessReview - - - - create
autoscaling/v2
  horizontalpodautoscalers HorizontalPodAutoscaler n hpa all status
autoscaling/v1
  horizontalpodautoscalers HorizontalPodAutoscaler n hpa all status
batch/v1
  cronjobs CronJob n cj all status
  jobs Job n - all status
certificates.k8s.io/v1
  certificatesigningrequests CertificateSigningRequest - csr - approval,status
coordination.k8s.io/v1
  leases Lease n - - -
discovery.k8s.io/v1
  endpointslices EndpointSlice n - - -
events.k8s.io/v1
  events Event n ev - -
flowcontrol.apiserver.k8s.io/v1
  flowschemas FlowSchema - - - status
  prioritylevelconfigurations PriorityLevelConfiguration - - - status
networking.k8s.io/v1
  ingressclasses IngressClass - - - -
  ingresses Ingress n ing - status
  ipaddresses IPAddress - ip - -
  networkpolicies NetworkPolicy n netpol - -
  servicecidrs ServiceCIDR - - - status
node.k8s.io/v1
  runtimeclasses RuntimeClass - - - -
policy/v1
  poddisruptionbudgets PodDisruptionBudget n pdb - status
rbac.authorization.k8s.io/v1
  clusterrolebindings ClusterRoleBinding - - - -
  clusterroles ClusterRole - - - -
  rolebindings RoleBinding n - - -
  roles Role n - - -
resource.k8s.io/v1
  deviceclasses DeviceClass - - - -
  resourceclaims ResourceClaim n - - status
  resourceclaimtemplates ResourceClaimTemplate n - - -
  resourceslices ResourceSlice - - - -
scheduling.k8s.io/v1
  priorityclasses PriorityClass - pc - -
storage.k8s.io/v1
  csidrivers CSIDriver - - - -
  csinodes CSINode - - - -
  csistoragecapacities CSIStorageCapacity n - - -
  storageclasses StorageClass - sc - -
  volumeattachments VolumeAttachment - - - status
  volumeattributesclasses VolumeAttributesClass - vac - -
"""


def _words(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def _parse(table: str) -> tuple[Resource, ...]:
    found = []
    group = version = ""
    for line in table.strip().splitlines():
        if not line.startswith(" "):
            group, _, version = line.rpartition("/")
            continue
        plural, kind, namespaced, short, categories, subresources, *verbs = line.split()
        found.append(
            Resource(
                group,
                version,
                plural,
                kind,
                namespaced == "n",
                kind.lower(),
                _words(short),
                _words(categories),
                frozenset(_words(subresources)),
                tuple(verbs[0].split(",")) if verbs else ALL_VERBS,
            )
        )
    return tuple(found)


BUILTIN: tuple[Resource, ...] = _parse(_TABLE)
"""Every built-in resource, the preferred version of a group first."""


@cache
def _by_path() -> dict[tuple[str, str, str], Resource]:
    return {(r.group, r.version, r.plural): r for r in BUILTIN}


@cache
def _by_kind() -> dict[tuple[str, str], Resource]:
    return {(r.api_version, r.kind): r for r in BUILTIN}


def builtin(group: str, version: str, plural: str) -> Resource | None:
    """The built-in resource at `group/version/plural`."""
    return _by_path().get((group, version, plural))


def builtin_kind(api_version: str, kind: str) -> Resource | None:
    """The built-in resource whose objects say this `apiVersion` and `kind`."""
    return _by_kind().get((api_version, kind))


def _named(api_version: str, kind: str) -> Resource:
    return _by_kind()[api_version, kind]


CONFIG_MAPS = _named("v1", "ConfigMap")
ENDPOINTS = _named("v1", "Endpoints")
EVENTS = _named("v1", "Event")
NAMESPACES = _named("v1", "Namespace")
NODES = _named("v1", "Node")
PODS = _named("v1", "Pod")
SECRETS = _named("v1", "Secret")
SERVICE_ACCOUNTS = _named("v1", "ServiceAccount")
SERVICES = _named("v1", "Service")
CUSTOM_RESOURCE_DEFINITIONS = _named("apiextensions.k8s.io/v1", "CustomResourceDefinition")
CONTROLLER_REVISIONS = _named("apps/v1", "ControllerRevision")
DEPLOYMENTS = _named("apps/v1", "Deployment")
REPLICA_SETS = _named("apps/v1", "ReplicaSet")
JOBS = _named("batch/v1", "Job")
LEASES = _named("coordination.k8s.io/v1", "Lease")
SERVICE_CIDRS = _named("networking.k8s.io/v1", "ServiceCIDR")
ENDPOINT_SLICES = _named("discovery.k8s.io/v1", "EndpointSlice")
CLUSTER_ROLE_BINDINGS = _named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
CLUSTER_ROLES = _named("rbac.authorization.k8s.io/v1", "ClusterRole")
ROLE_BINDINGS = _named("rbac.authorization.k8s.io/v1", "RoleBinding")
ROLES = _named("rbac.authorization.k8s.io/v1", "Role")
APPLICATIONS = Resource(
    "argoproj.io",
    "v1alpha1",
    "applications",
    "Application",
    singular="application",
    short_names=("app", "apps"),
)
