"""What is decided about a write before it is stored, beyond whether its sender may make it.

One file for each plugin, named as Kubernetes names it; `chain` runs them in Kubernetes' order.
A plugin looks at the cluster through `live.Live` and must never write to it.
https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""
