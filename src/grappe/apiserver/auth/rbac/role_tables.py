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
  get url /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*
system:basic-user
  create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews
  create authentication.k8s.io selfsubjectreviews
system:service-account-issuer-discovery
  get url /.well-known/openid-configuration,/.well-known/openid-configuration/,\
/openid/v1/jwks,/openid/v1/jwks/
system:aggregate-to-admin aggregate-to-admin
  create authorization.k8s.io localsubjectaccessreviews
  read,write rbac.authorization.k8s.io roles,rolebindings
system:aggregate-to-edit aggregate-to-edit
  read - pods/attach,pods/proxy,pods/exec,pods/portforward,secrets,services/proxy
  impersonate - serviceaccounts
  write - pods,pods/attach,pods/proxy,pods/exec,pods/portforward
  create - pods/eviction
  write - replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,\
services/proxy,persistentvolumeclaims,configmaps,secrets,events
  create - serviceaccounts/token
  write apps statefulsets,statefulsets/scale,daemonsets,deployments,deployments/scale,\
deployments/rollback,replicasets,replicasets/scale
  write autoscaling horizontalpodautoscalers
  write batch jobs,cronjobs
  write extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,\
networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
  write policy poddisruptionbudgets
  write networking.k8s.io networkpolicies,ingresses
  create,delete,deletecollection,get,list,patch,update,watch coordination.k8s.io leases
  write resource.k8s.io resourceclaims,resourceclaimtemplates
system:aggregate-to-view aggregate-to-view
  read - pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,\
services/status,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,configmaps
  read - limitranges,resourcequotas,bindings,events,pods/status,resourcequotas/status,\
namespaces/status,replicationcontrollers/status,pods/log
  read - namespaces
  read discovery.k8s.io endpointslices
  read apps controllerrevisions,statefulsets,statefulsets/status,statefulsets/scale,daemonsets,\
daemonsets/status,deployments,deployments/status,deployments/scale,replicasets,\
replicasets/status,replicasets/scale
  read autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
  read batch jobs,cronjobs,cronjobs/status,jobs/status
  read extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,\
ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,\
replicationcontrollers/scale
  read policy poddisruptionbudgets,poddisruptionbudgets/status
  read networking.k8s.io networkpolicies,ingresses,ingresses/status
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
  read,proxy - nodes
  * - nodes/proxy,nodes/metrics,nodes/stats,nodes/log,nodes/spec,nodes/checkpoint,\
nodes/configz,nodes/healthz,nodes/pods
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
  list,watch - services,endpoints
  read - nodes
  create,patch,update -,events.k8s.io events
  list,watch discovery.k8s.io endpointslices
  list,watch networking.k8s.io servicecidrs
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
  read,patch,update - persistentvolumes
  read storage.k8s.io storageclasses
  read,patch,update - persistentvolumeclaims
system:kube-scheduler
  create,patch,update -,events.k8s.io events
  create,list,watch coordination.k8s.io leases
  get,update coordination.k8s.io leases kube-scheduler
  read - nodes
  delete,read - pods
  create - bindings,pods/binding
  patch,update - pods/status
  read - replicationcontrollers,services
  read apps replicasets,statefulsets
  read policy poddisruptionbudgets
  read - persistentvolumeclaims,persistentvolumes
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
  read storage.k8s.io csinodes,csidrivers,csistoragecapacities,volumeattachments
  read - namespaces
  read resource.k8s.io deviceclasses,resourceslices
  read,patch,update resource.k8s.io resourceclaims,resourceclaims/status
  read,patch,update - pods/finalizers
system:kube-controller-manager
  create,patch,update -,events.k8s.io events
  create,list,watch coordination.k8s.io leases
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
  watch - configmaps
  get,update - configmaps kube-controller-manager
kube-system/system::leader-locking-kube-scheduler
  watch - configmaps
  get,update - configmaps kube-scheduler
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
s:kube-system/kube-controller-manager
kube-system/system::leader-locking-kube-scheduler u:system:kube-scheduler \
s:kube-system/kube-scheduler
kube-system/system:controller:bootstrap-signer s:kube-system/bootstrap-signer
kube-system/system:controller:cloud-provider s:kube-system/cloud-provider
kube-system/system:controller:token-cleaner s:kube-system/token-cleaner
"""
