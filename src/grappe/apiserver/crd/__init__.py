"""CustomResourceDefinitions: what they say, whether it makes sense, and what is served because of
them.

`definition`, `naming`, `status`, `validation`, `json_path` and `columns` are pure;
`custom_resources` follows the definitions in the store and offers what they serve. Must never
store custom objects: that is the registry's work, as for every other kind.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""
