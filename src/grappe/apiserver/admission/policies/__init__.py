"""ValidatingAdmissionPolicy and MutatingAdmissionPolicy: rules about writes, written in CEL.

`catalog` follows policies and bindings in the store: they count from the commit that brings them.
`matching` says which requests they speak of, `parameters` finds what they refer to; `validating`
and `mutating` are the plugins; `status` keeps the result of type checking. Must never do more for
a request that no policy speaks of than look into a dict.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""
