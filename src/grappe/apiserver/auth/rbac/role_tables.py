"""The roles and bindings every Kubernetes cluster has, as tables; `default_roles` reads them.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings

A role is a line at the margin, `NAME [aggregation label]`; the lines under it are its rules: verbs,
API group (`-` is the core group), resources, and resource names if any; a rule on paths has the
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
  read policy poddisruptionbudgets,poddisruptionbudgets/status
  read networking.k8s.io networkpolicies,ingresses,ingresses/status
  read resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates
system:auth-delegator
  create authentication.k8s.io tokenreviews
  create authorization.k8s.io subjectaccessreviews
system:kubelet-api-admin
  read,proxy - nodes
  * - nodes/proxy,nodes/metrics,nodes/stats,nodes/log,nodes/spec,nodes/checkpoint,\
nodes/configz,nodes/healthz,nodes/pods
system:node-bootstrapper
  create,read certificates.k8s.io certificatesigningrequests
system:node-problem-detector
  get - nodes
  patch - nodes/status
  create,patch,update - events
  create,patch,update events.k8s.io events
system:node-proxier
  list,watch - services,endpoints
  read - nodes
  create,patch,update - events
  create,patch,update events.k8s.io events
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
  create,patch,update - events
system:volume-scheduler
  read,patch,update - persistentvolumes
  read storage.k8s.io storageclasses
  read,patch,update - persistentvolumeclaims
system:kube-scheduler
  create,patch,update - events
  create,patch,update events.k8s.io events
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
  read resource.k8s.io deviceclasses,resourceclaims,resourceslices
  patch,update resource.k8s.io resourceclaims,resourceclaims/status
system:kube-controller-manager
  create,patch,update - events
  create,patch,update events.k8s.io events
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
system:controller:clusterrole-aggregation-controller
  escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles
system:controller:cronjob-controller
  read,update batch cronjobs
  create,delete,patch,read,update batch jobs
  update batch cronjobs/status,cronjobs/finalizers
  delete,list - pods
  create,patch,update - events
system:controller:daemon-set-controller
  read apps daemonsets
  update apps daemonsets/status,daemonsets/finalizers
  list,watch - nodes
  create,delete,list,patch,watch - pods
  create - pods/binding
  create,delete,read,patch,update apps controllerrevisions
  create,patch,update - events
system:controller:deployment-controller
  read,update apps deployments
  update apps deployments/status,deployments/finalizers
  create,delete,read,patch,update apps replicasets
  read,update - pods
  create,patch,update - events
system:controller:disruption-controller
  read apps deployments,replicasets,statefulsets
  read - replicationcontrollers
  read policy poddisruptionbudgets
  update policy poddisruptionbudgets/status
  read,patch - pods
  patch,update - pods/status
  create,patch,update - events
  get * */scale
system:controller:endpoint-controller
  read - pods,services
  create,delete,get,list,update,watch - endpoints
  create - endpoints/restricted
  create,patch,update - events
system:controller:endpointslice-controller
  read - nodes,pods,services
  update - services/finalizers
  create,delete,get,list,update,watch discovery.k8s.io endpointslices
  create,patch,update - events
system:controller:endpointslicemirroring-controller
  read - endpoints,services
  update - endpoints/finalizers
  create,delete,get,list,update,watch discovery.k8s.io endpointslices
  create,patch,update - events
system:controller:expand-controller
  read,patch,update - persistentvolumes
  patch,update - persistentvolumeclaims/status
  read - persistentvolumeclaims
  create,patch,update - events
system:controller:ephemeral-volume-controller
  update - pods/finalizers
  read - pods
  create,read - persistentvolumeclaims
  create,patch,update - events
system:controller:generic-garbage-collector
  delete,get,list,patch,update,watch * *
  create,patch,update - events
system:controller:horizontal-pod-autoscaler
  read autoscaling horizontalpodautoscalers
  update autoscaling horizontalpodautoscalers/status
  get,update * */scale
  list - pods
  list metrics.k8s.io pods
  get,list custom.metrics.k8s.io *
  get,list external.metrics.k8s.io *
  create,patch,update - events
system:controller:job-controller
  read,patch,update batch jobs
  update batch jobs/status,jobs/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update - events
system:controller:namespace-controller
  delete,get,list,watch - namespaces
  update - namespaces/finalize,namespaces/status
  delete,deletecollection,get,list * *
system:controller:node-controller
  delete,get,list,patch,update - nodes
  patch,update - nodes/status
  patch,update - pods/status
  delete,list - pods
  create,patch,update - events
  get - pods
system:controller:persistent-volume-binder
  create,delete,get,list,update,watch - persistentvolumes
  update - persistentvolumes/status
  get,list,update,watch - persistentvolumeclaims
  update - persistentvolumeclaims/status
  create,delete,get,list,watch - pods
  read storage.k8s.io storageclasses
  create,patch,update - events
system:controller:pod-garbage-collector
  delete,list,watch - pods
  get,list - nodes
  patch,update - pods/status
system:controller:pv-protection-controller
  get,list,update,watch - persistentvolumes
  create,patch,update - events
system:controller:pvc-protection-controller
  get,list,update,watch - persistentvolumeclaims
  read - pods
  create,patch,update - events
system:controller:replicaset-controller
  read,update apps replicasets
  update apps replicasets/status,replicasets/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update - events
system:controller:replication-controller
  read,update - replicationcontrollers
  update - replicationcontrollers/status,replicationcontrollers/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update - events
system:controller:resourcequota-controller
  list,watch * *
  update - resourcequotas/status
  create,patch,update - events
system:controller:root-ca-cert-publisher
  create,update - configmaps
  create,patch,update - events
system:controller:service-account-controller
  create - serviceaccounts
  create,patch,update - events
system:controller:statefulset-controller
  list,watch - pods
  read apps statefulsets
  update apps statefulsets/status,statefulsets/finalizers
  create,delete,get,patch,update - pods
  create,delete,get,list,patch,update,watch apps controllerrevisions
  create,get - persistentvolumeclaims
  create,patch,update - events
system:controller:ttl-after-finished-controller
  delete,get,list,watch batch jobs
  create,patch,update - events
system:controller:ttl-controller
  list,patch,update,watch - nodes
  create,patch,update - events
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

NAMESPACED_ROLES = """
extension-apiserver-authentication-reader
  read - configmaps extension-apiserver-authentication
system::leader-locking-kube-controller-manager
  watch - configmaps
  get,update - configmaps kube-controller-manager
system::leader-locking-kube-scheduler
  watch - configmaps
  get,update - configmaps kube-scheduler
"""
