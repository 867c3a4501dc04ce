"""RBAC: what roles grant and bindings give to whom.

`rules` and `resolve` are pure; `index` keeps them current with the store; `evaluator` answers and
remembers; `escalation` keeps people from granting what they do not hold. Must
never deny: what no rule grants may still be granted by another authorizer.
https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""
