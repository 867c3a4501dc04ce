"""MutatingAdmissionWebhook and ValidatingAdmissionWebhook: others are asked about writes.

`configurations` follows what is registered, `rules` and `review` decide, `calls` asks. Must cost a
request nothing while no webhook concerns it, and never ask a webhook about what configures
admission itself.
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""
