"""The roles of Kubernetes' own controllers, in the form of `role_tables`; each is bound to the
service account of its name in kube-system.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles
"""

from __future__ import annotations

CONTROLLER_ROLES = """
system:controller:attachdetach-controller
  list,watch - persistentvolumeclaims,persistentvolumes
  read - nodes
  patch,update - nodes/status
  list,watch - pods
  create,patch,update -,events.k8s.io events
  create,delete,read storage.k8s.io volumeattachments
  read storage.k8s.io csidrivers
  read storage.k8s.io csinodes
system:controller:certificate-controller
  delete,read certificates.k8s.io certificatesigningrequests
  update certificates.k8s.io certificatesigningrequests/approval,certificatesigningrequests/status
  approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet
  sign certificates.k8s.io signers kubernetes.io/kube-apiserver-client,\
kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,\
kubernetes.io/legacy-unknown
  create authorization.k8s.io subjectaccessreviews
  create,patch,update -,events.k8s.io events
system:controller:clusterrole-aggregation-controller
  escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles
system:controller:cronjob-controller
  read,update batch cronjobs
  create,delete,patch,read,update batch jobs
  update batch cronjobs/status,cronjobs/finalizers
  delete,list,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:daemon-set-controller
  read apps,extensions daemonsets
  update apps,extensions daemonsets/status,daemonsets/finalizers
  list,watch - nodes
  create,delete,list,patch,watch - pods
  create - pods/binding
  create,delete,read,patch,update apps controllerrevisions
  create,patch,update -,events.k8s.io events
system:controller:deployment-controller
  read,update apps,extensions deployments
  update apps,extensions deployments/status,deployments/finalizers
  create,delete,read,patch,update apps,extensions replicasets
  read,update - pods
  create,patch,update -,events.k8s.io events
system:controller:disruption-controller
  read apps,extensions deployments,replicasets
  read apps statefulsets
  read - replicationcontrollers
  read policy poddisruptionbudgets
  update policy poddisruptionbudgets/status
  read,patch - pods
  patch,update - pods/status
  create,patch,update -,events.k8s.io events
  get * */scale
system:controller:endpoint-controller
  read - pods,services
  create,delete,get,list,update,watch - endpoints
  create - endpoints/restricted
  create,patch,update -,events.k8s.io events
system:controller:endpointslice-controller
  read - nodes,pods,services
  update - services/finalizers
  create,delete,get,list,update,watch discovery.k8s.io endpointslices
  create,patch,update -,events.k8s.io events
system:controller:endpointslicemirroring-controller
  read - endpoints,services
  update - services/finalizers
  update - endpoints/finalizers
  create,delete,get,list,update,watch discovery.k8s.io endpointslices
  create,patch,update -,events.k8s.io events
system:controller:ephemeral-volume-controller
  update - pods/finalizers
  read - pods
  create,read - persistentvolumeclaims
  create,patch,update -,events.k8s.io events
system:controller:expand-controller
  read,patch,update - persistentvolumes
  patch,update - persistentvolumeclaims/status
  read - persistentvolumeclaims
  create,patch,update -,events.k8s.io events
system:controller:generic-garbage-collector
  delete,get,list,patch,update,watch * *
  create,patch,update -,events.k8s.io events
system:controller:horizontal-pod-autoscaler
  read autoscaling horizontalpodautoscalers
  update autoscaling horizontalpodautoscalers/status
  get,update * */scale
  list,watch - pods
  list,watch metrics.k8s.io pods
  read custom.metrics.k8s.io *
  read external.metrics.k8s.io *
  create,patch,update -,events.k8s.io events
system:controller:job-controller
  read,patch,update batch jobs
  update batch jobs/status,jobs/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:legacy-service-account-token-cleaner
  get - configmaps kube-apiserver-legacy-service-account-token-tracking
  delete,patch - secrets
system:controller:namespace-controller
  delete,get,list,watch - namespaces
  update - namespaces/finalize,namespaces/status
  delete,deletecollection,get,list * *
system:controller:node-controller
  delete,get,list,patch,update - nodes
  patch,update - nodes/status
  patch,update - pods/status
  delete,list - pods
  create,patch,update -,events.k8s.io events
  get - pods
system:controller:persistent-volume-binder
  create,delete,get,list,update,watch - persistentvolumes
  update - persistentvolumes/status
  get,list,update,watch - persistentvolumeclaims
  update - persistentvolumeclaims/status
  create,delete,get,list,watch - pods
  read storage.k8s.io storageclasses
  create,patch,update -,events.k8s.io events
system:controller:pod-garbage-collector
  delete,list,watch - pods
  read - nodes
  patch,update - pods/status
system:controller:pv-protection-controller
  get,list,update,watch - persistentvolumes
  create,patch,update -,events.k8s.io events
system:controller:pvc-protection-controller
  get,list,update,watch - persistentvolumeclaims
  update - persistentvolumeclaims/status
  read - pods
  create,patch,update -,events.k8s.io events
system:controller:replicaset-controller
  read,update apps,extensions replicasets
  update apps,extensions replicasets/status,replicasets/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:replication-controller
  read,update - replicationcontrollers
  update - replicationcontrollers/status,replicationcontrollers/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:resource-claim-controller
  read - pods
  update - pods/finalizers
  create,delete,read resource.k8s.io resourceclaims
  patch,update resource.k8s.io resourceclaims,resourceclaims/status
  patch,update - pods/status
  create,patch,update -,events.k8s.io events
system:controller:resourcequota-controller
  list,watch * *
  update - resourcequotas/status
  create,patch,update -,events.k8s.io events
system:controller:root-ca-cert-publisher
  create,update - configmaps
  create,patch,update -,events.k8s.io events
system:controller:route-controller
  list,watch - nodes
  patch - nodes/status
  create,patch,update -,events.k8s.io events
system:controller:selinux-warning-controller
  create,patch,update -,events.k8s.io events
  read - persistentvolumes
  read - persistentvolumeclaims
  read - pods
  read storage.k8s.io csidrivers
system:controller:service-account-controller
  create - serviceaccounts
  create,patch,update -,events.k8s.io events
system:controller:service-cidrs-controller
  read,patch,update networking.k8s.io servicecidrs
  patch,update networking.k8s.io servicecidrs/finalizers
  patch,update networking.k8s.io servicecidrs/status
  read networking.k8s.io ipaddresses
  create,patch,update -,events.k8s.io events
system:controller:service-controller
  read - services
  patch,update - services/status
  list,watch - nodes
  create,patch,update -,events.k8s.io events
system:controller:statefulset-controller
  list,watch - pods
  read apps statefulsets
  update apps statefulsets/status,statefulsets/finalizers
  create,delete,get,patch,update - pods
  create,delete,get,list,patch,update,watch apps controllerrevisions
  create,read - persistentvolumeclaims
  delete,update - persistentvolumeclaims
  update - pods/finalizers
  create,patch,update -,events.k8s.io events
system:controller:taint-eviction-controller
  get - nodes
  delete,read - pods
  patch,update - pods/status
  create,patch,update -,events.k8s.io events
system:controller:ttl-after-finished-controller
  delete,get,list,watch batch jobs
  create,patch,update -,events.k8s.io events
system:controller:ttl-controller
  list,patch,update,watch - nodes
  create,patch,update -,events.k8s.io events
system:controller:validatingadmissionpolicy-status-controller
  read admissionregistration.k8s.io validatingadmissionpolicies
  get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status
  create,patch,update -,events.k8s.io events
system:controller:volumeattributesclass-protection-controller
  read - persistentvolumes
  read - persistentvolumeclaims
  read,update storage.k8s.io volumeattributesclasses
  create,patch,update -,events.k8s.io events
"""
