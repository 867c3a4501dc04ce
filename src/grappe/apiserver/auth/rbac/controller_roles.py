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
  escalate,patch,read,update rbac.authorization.k8s.io clusterroles
system:controller:cronjob-controller
  read,update batch cronjobs
  create,delete,patch,read,update batch jobs
  update batch cronjobs/status
  update batch cronjobs/finalizers
  delete,list,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:daemon-set-controller
  read apps,extensions daemonsets
  update apps,extensions daemonsets/status
  update apps,extensions daemonsets/finalizers
  list,watch - nodes
  create,delete,list,patch,watch - pods
  create - pods/binding
  create,delete,patch,read,update apps controllerrevisions
  create,patch,update -,events.k8s.io events
system:controller:deployment-controller
  read,update apps,extensions deployments
  update apps,extensions deployments/status
  update apps,extensions deployments/finalizers
  create,delete,patch,read,update apps,extensions replicasets
  read,update - pods
  create,patch,update -,events.k8s.io events
system:controller:device-taint-eviction-controller
  delete,read - pods
  patch,update - pods/status
  read resource.k8s.io resourceclaims
  read resource.k8s.io resourceslices
  read resource.k8s.io deviceclasses
  create,patch,update -,events.k8s.io events
system:controller:disruption-controller
  read apps,extensions deployments
  read apps,extensions replicasets
  read - replicationcontrollers
  read policy poddisruptionbudgets
  read apps statefulsets
  update policy poddisruptionbudgets/status
  patch,update - pods/status
  get * */scale
  create,patch,update -,events.k8s.io events
system:controller:endpoint-controller
  read - pods,services
  create,delete,read,update - endpoints
  create - endpoints/restricted
  create,patch,update -,events.k8s.io events
system:controller:endpointslice-controller
  read - nodes,pods,services
  update - services/finalizers
  create,delete,read,update discovery.k8s.io endpointslices
  create,patch,update -,events.k8s.io events
system:controller:endpointslicemirroring-controller
  read - endpoints,services
  update - services/finalizers
  update - endpoints/finalizers
  create,delete,read,update discovery.k8s.io endpointslices
  create,patch,update -,events.k8s.io events
system:controller:ephemeral-volume-controller
  read - pods
  update - pods/finalizers
  create,read - persistentvolumeclaims
  create,patch,update -,events.k8s.io events
system:controller:expand-controller
  patch,read,update - persistentvolumes
  patch,update - persistentvolumeclaims/status
  read - persistentvolumeclaims
  create,patch,update -,events.k8s.io events
system:controller:generic-garbage-collector
  delete,patch,read,update * *
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
  patch,read,update batch jobs
  update batch jobs/status
  update batch jobs/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:legacy-service-account-token-cleaner
  get - configmaps kube-apiserver-legacy-service-account-token-tracking
  delete,patch - secrets
system:controller:namespace-controller
  delete,read - namespaces
  update - namespaces/finalize,namespaces/status
  delete,deletecollection,read * *
system:controller:node-controller
  delete,patch,read,update - nodes
  patch,update - nodes/status
  patch,update - pods/status
  delete,read - pods
  create,patch,update -,events.k8s.io events
system:controller:persistent-volume-binder
  create,delete,read,update - persistentvolumes
  update - persistentvolumes/status
  read,update - persistentvolumeclaims
  update - persistentvolumeclaims/status
  create,delete,read - pods
  read storage.k8s.io storageclasses
  list,watch - nodes
  create,patch,update -,events.k8s.io events
  watch - events
system:controller:pod-garbage-collector
  delete,list,watch - pods
  read - nodes
  patch - pods/status
system:controller:pv-protection-controller
  read,update - persistentvolumes
  create,patch,update -,events.k8s.io events
system:controller:pvc-protection-controller
  read,update - persistentvolumeclaims
  update - persistentvolumeclaims/status
  read - pods
  create,patch,update -,events.k8s.io events
system:controller:replicaset-controller
  read,update apps,extensions replicasets
  update apps,extensions replicasets/status
  update apps,extensions replicasets/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:replication-controller
  read,update - replicationcontrollers
  update - replicationcontrollers/status
  update - replicationcontrollers/finalizers
  create,delete,list,patch,watch - pods
  create,patch,update -,events.k8s.io events
system:controller:resource-claim-controller
  read - pods
  update - pods/finalizers
  create,delete,read resource.k8s.io resourceclaims
  patch,update resource.k8s.io resourceclaims,resourceclaims/status
  patch,update - pods/status
  create,patch,update -,events.k8s.io events
  patch,update resource.k8s.io resourceclaims/binding
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
  patch,read,update networking.k8s.io servicecidrs
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
  update apps statefulsets/status
  update apps statefulsets/finalizers
  create,delete,get,patch,update - pods
  create,delete,patch,read,update apps controllerrevisions
  create,read - persistentvolumeclaims
  delete,update - persistentvolumeclaims
  update - pods/finalizers
  create,patch,update -,events.k8s.io events
system:controller:ttl-after-finished-controller
  delete,read batch jobs
  create,patch,update -,events.k8s.io events
system:controller:ttl-controller
  list,patch,update,watch - nodes
  create,patch,update -,events.k8s.io events
system:controller:validatingadmissionpolicy-status-controller
  read admissionregistration.k8s.io validatingadmissionpolicies
  get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status
  create,patch,update -,events.k8s.io events
system:controller:volumeattributesclass-protection-controller
  read - persistentvolumeclaims
  read - persistentvolumes
  read,update storage.k8s.io volumeattributesclasses
  create,patch,update -,events.k8s.io events
"""
