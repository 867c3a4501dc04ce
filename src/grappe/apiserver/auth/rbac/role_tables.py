"""The roles and bindings every Kubernetes cluster has, as tables; `default_roles` reads them.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings

A role is a line at the margin, `NAME [aggregation label]`; the lines under it are its rules: verbs,
API groups (`-` is the core group), resources, and resource names if any; a rule on paths has the
group `url`. `read` stands for get, list, watch and `write` for create, delete, deletecollection,
patch, update.
"""

from __future__ import annotations

from grappe.apiserver.auth.names import (
    AUTHENTICATED,
    MASTERS,
    NODE_NETWORK,
    PLATFORM,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
)

CLUSTER_ROLES = """
cluster-admin
  * * *
  * url *
system:discovery
  get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
system:public-info-viewer
  get url /healthz,/livez,/readyz,/version,/version/
system:monitoring
  get url /flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,\
/statusz
  get - nodes/metrics
system:basic-user
  create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews
  create authentication.k8s.io selfsubjectreviews
system:service-account-issuer-discovery
  get url /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,\
/openid/v1/jwks/
system:aggregate-to-admin aggregate-to-admin
  create authorization.k8s.io localsubjectaccessreviews
  read,write rbac.authorization.k8s.io rolebindings,roles
system:aggregate-to-edit aggregate-to-edit
  read - pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
  impersonate - serviceaccounts
  write - pods,pods/attach,pods/exec,pods/portforward,pods/proxy
  create - pods/eviction
  write - configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,\
secrets,serviceaccounts,services,services/proxy
  create - serviceaccounts/token
  write -,events.k8s.io events
  write apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,\
replicasets/scale,statefulsets,statefulsets/scale
  write autoscaling horizontalpodautoscalers
  write batch cronjobs,jobs
  write extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,\
networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
  write policy poddisruptionbudgets
  write networking.k8s.io ingresses,networkpolicies
  read,write coordination.k8s.io leases
  write resource.k8s.io resourceclaims,resourceclaimtemplates
system:aggregate-to-view aggregate-to-view
  read - configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,\
replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
  read - bindings,limitranges,namespaces/status,pods/log,pods/status,\
replicationcontrollers/status,resourcequotas,resourcequotas/status
  read - namespaces
  read -,events.k8s.io events
  read discovery.k8s.io endpointslices
  read apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,\
deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,\
statefulsets/scale,statefulsets/status
  read autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
  read batch cronjobs,cronjobs/status,jobs,jobs/status
  read extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,\
ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,\
replicationcontrollers/scale
  read policy poddisruptionbudgets,poddisruptionbudgets/status
  read networking.k8s.io ingresses,ingresses/status,networkpolicies
  read resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates
system:auth-delegator
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
system:heapster
  read - events,namespaces,nodes,pods
  read extensions deployments
system:kube-aggregator
  read - endpoints,services
system:kubelet-api-admin
  read - nodes
  proxy - nodes
  * - nodes/log,nodes/metrics,nodes/proxy,nodes/stats
  * - nodes/configz,nodes/healthz,nodes/pods
system:certificates.k8s.io:certificatesigningrequests:nodeclient
  create certificates.k8s.io certificatesigningrequests/nodeclient
system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
  create certificates.k8s.io certificatesigningrequests/selfnodeclient
system:certificates.k8s.io:kube-apiserver-client-approver
  approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client
system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
  approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet
system:certificates.k8s.io:kubelet-serving-approver
  approve certificates.k8s.io signers kubernetes.io/kubelet-serving
system:certificates.k8s.io:legacy-unknown-approver
  approve certificates.k8s.io signers kubernetes.io/legacy-unknown
system:node-bootstrapper
  create,read certificates.k8s.io certificatesigningrequests
system:node-problem-detector
  get - nodes
  patch - nodes/status
  create,patch,update -,events.k8s.io events
system:node-proxier
  list,watch - endpoints,services
  read - nodes
  create,patch,update -,events.k8s.io events
  list,watch networking.k8s.io servicecidrs
  list,watch discovery.k8s.io endpointslices
grappe:node-network
  read - endpoints,namespaces,nodes,pods,services
  patch - services/status
  read discovery.k8s.io endpointslices
  read networking.k8s.io networkpolicies
system:kube-dns
  list,watch - endpoints,services
system:persistent-volume-provisioner
  create,delete,read - persistentvolumes
  read,update - persistentvolumeclaims
  read storage.k8s.io storageclasses
  watch - events
  create,patch,update -,events.k8s.io events
system:volume-scheduler
  patch,read,update - persistentvolumes
  read storage.k8s.io storageclasses
  patch,read,update - persistentvolumeclaims
system:kube-scheduler
  create,patch,update -,events.k8s.io events
  create coordination.k8s.io leases
  read,update coordination.k8s.io leases kube-scheduler
  read,write coordination.k8s.io leasecandidates
  read - nodes
  delete,read - pods
  create - bindings,pods/binding
  patch,update - pods/status
  read - replicationcontrollers,services
  read apps,extensions replicasets
  read apps statefulsets
  read policy poddisruptionbudgets
  read - persistentvolumeclaims,persistentvolumes
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
  read storage.k8s.io csinodes
  read storage.k8s.io volumeattachments
  read - namespaces
  read storage.k8s.io csidrivers
  read storage.k8s.io csistoragecapacities
  read resource.k8s.io deviceclasses
  patch,read,update resource.k8s.io resourceclaims
  patch,read,update resource.k8s.io resourceclaims/status
  update - pods/finalizers
  read resource.k8s.io resourceslices
  create,delete resource.k8s.io resourceclaims
  patch,update resource.k8s.io resourceclaims/binding
system:kube-controller-manager
  create,patch,update -,events.k8s.io events
  create coordination.k8s.io leases
  get,update coordination.k8s.io leases kube-controller-manager
  create - secrets,serviceaccounts
  delete - secrets
  get - configmaps,namespaces,secrets,serviceaccounts
  update - secrets,serviceaccounts
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
  list,watch * *
  create - serviceaccounts/token
"""

# name of the ClusterRole, then the subjects: g: group, u: user, s: service account NAMESPACE/NAME
CLUSTER_ROLE_BINDINGS = f"""
cluster-admin cluster-admin g:{MASTERS}
grappe:platform cluster-admin g:{PLATFORM}
grappe:node-network grappe:node-network g:{NODE_NETWORK}
system:basic-user system:basic-user g:{AUTHENTICATED}
system:discovery system:discovery g:{AUTHENTICATED}
system:public-info-viewer system:public-info-viewer g:{AUTHENTICATED} g:{UNAUTHENTICATED}
system:monitoring system:monitoring g:system:monitoring
system:service-account-issuer-discovery system:service-account-issuer-discovery g:{SERVICE_ACCOUNTS}
system:node system:node
system:node-proxier system:node-proxier u:system:kube-proxy
system:kube-controller-manager system:kube-controller-manager u:system:kube-controller-manager
system:kube-dns system:kube-dns s:kube-system/kube-dns
system:kube-scheduler system:kube-scheduler u:system:kube-scheduler
system:volume-scheduler system:volume-scheduler u:system:kube-scheduler
"""

# namespace/name
NAMESPACED_ROLES = """
kube-public/system:controller:bootstrap-signer
  read - configmaps
  update - configmaps cluster-info
  create,patch,update -,events.k8s.io events
kube-system/extension-apiserver-authentication-reader
  read - configmaps extension-apiserver-authentication
kube-system/system::leader-locking-kube-controller-manager
  create,read,update coordination.k8s.io leases
  create,read,update coordination.k8s.io leasecandidates
kube-system/system::leader-locking-kube-scheduler
  create,read,update coordination.k8s.io leases
  create,read,update coordination.k8s.io leasecandidates
kube-system/system:controller:bootstrap-signer
  read - secrets
kube-system/system:controller:cloud-provider
  create,read - configmaps
kube-system/system:controller:token-cleaner
  delete,read - secrets
  create,patch,update -,events.k8s.io events
"""

# namespace/name of the Role, the subjects, and `=NAME` where the binding has another name
ROLE_BINDINGS = """
kube-public/system:controller:bootstrap-signer s:kube-system/bootstrap-signer
kube-system/extension-apiserver-authentication-reader u:system:kube-controller-manager \
u:system:kube-scheduler =system::extension-apiserver-authentication-reader
kube-system/system::leader-locking-kube-controller-manager u:system:kube-controller-manager \
s:kube-system/kube-controller-manager s:kube-system/leader-election-controller
kube-system/system::leader-locking-kube-scheduler u:system:kube-scheduler \
s:kube-system/kube-scheduler
kube-system/system:controller:bootstrap-signer s:kube-system/bootstrap-signer
kube-system/system:controller:cloud-provider s:kube-system/cloud-provider
kube-system/system:controller:token-cleaner s:kube-system/token-cleaner
"""
