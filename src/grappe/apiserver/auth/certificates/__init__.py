"""CertificateSigningRequests: certificates for people and nodes, once somebody has approved.

`rules` says what Kubernetes' own signers sign, `sign` does it, `signer` follows the requests.
Never approves anything itself.
https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""
