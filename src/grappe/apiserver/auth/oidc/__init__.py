"""Tokens of other issuers: OpenID Connect, set up by an AuthenticationConfiguration.

`config` reads and checks the file, `keys` knows signatures (the only module with PyJWT), `claims`
turns claims into a user: all pure. `fetch` asks an issuer for its keys, `issuers` keeps them and
judges tokens. Never asks anyone about a token itself, and never logs or quotes one.
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""
