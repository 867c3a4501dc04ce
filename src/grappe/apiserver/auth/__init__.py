"""Who asks, and may they.

`authenticator` turns a request's credentials into a User, `authorizer` decides what that User
may do (system:masters, the Node rules, RBAC), `reviews` answers the same questions asked through
the API, `token_request` issues service-account tokens.

Never reads or changes what a request carries in its body, never logs a credential, and never
puts one into an error. https://kubernetes.io/docs/concepts/security/controlling-access/
"""
