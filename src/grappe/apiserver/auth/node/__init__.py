"""What a node may do: the Node authorizer.

`rules` is the role `system:node`, which bounds what any node does; `authorizer` narrows it to
what concerns the node that asks: itself, its pods, and what those refer to (`relations`, which
reads the store, and `references`, which reads one pod). Never looks at what a request carries:
that is the NodeRestriction admission plugin's question.
https://kubernetes.io/docs/reference/access-authn-authz/node/
"""
