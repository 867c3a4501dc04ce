"""A certificate for a person: asked for, approved and used with kubectl."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from grappe.apiserver.pki.kubeconfig import write_kubeconfig
from grappe.testing.cluster import TestCluster
from tests.cluster.people import Kubectl, administrator, person


def asking(name: str, *groups: str, **spec: Any) -> tuple[dict[str, Any], bytes]:
    """A CertificateSigningRequest and the private key that belongs to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    names += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    built = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    obj = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": b64encode(pem).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            **spec,
        },
    }
    encoding = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    return obj, key.private_bytes(encoding, form, serialization.NoEncryption())


async def test_an_approved_request_becomes_a_certificate_that_works(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    obj, key = asking("jane", "devs", expirationSeconds=3600)
    await admin("create", "-f", "-", send=obj)
    assert "Pending" in await admin("get", "csr", "jane")
    await admin("certificate", "approve", "jane")
    await admin("wait", "--for=jsonpath={.status.certificate}", "csr/jane", "--timeout=20s")
    assert "Approved,Issued" in await admin("get", "csr", "jane")
    encoded = await admin("get", "csr", "jane", "-o", "jsonpath={.status.certificate}")
    certificate = b64decode(encoded)
    lasts = x509.load_pem_x509_certificate(certificate)
    assert (lasts.not_valid_after_utc - lasts.not_valid_before_utc).total_seconds() < 4000
    path = cluster.config.data_dir / "jane.kubeconfig"
    ca = cluster.api.pki.ca_certificate.read_bytes()
    url = f"https://127.0.0.1:{cluster.config.port}"
    write_kubeconfig(path, url, certificate, key, "jane", ca=ca)
    whoami = await Kubectl(path)("auth", "whoami")
    assert "jane" in whoami
    assert "devs" in whoami


async def test_what_a_signer_does_not_sign_fails_with_the_reason(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    obj, _ = asking("jane", usages=["server auth"])
    await admin("create", "-f", "-", send=obj)
    await admin("certificate", "approve", "jane")
    await admin("wait", "--for=condition=Failed", "csr/jane", "--timeout=20s")
    message = 'jsonpath={.status.conditions[?(@.type=="Failed")].message}'
    told = await admin("get", "csr", "jane", "-o", message)
    assert told == "invalid usage for client certificate: server auth"


async def test_a_denied_request_stays_without_a_certificate(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    await admin("create", "-f", "-", send=asking("jane")[0])
    await admin("certificate", "deny", "jane")
    assert "Denied" in await admin("get", "csr", "jane")
    assert await admin("get", "csr", "jane", "-o", "jsonpath={.status.certificate}") == ""


async def test_approving_needs_the_right_on_the_signer(cluster: TestCluster) -> None:
    admin, jane = await administrator(cluster), await person(cluster, "jane")
    await admin(
        "create", "clusterrole", "approver", "--verb=get,update", "--resource=csr,csr/approval"
    )
    await admin("create", "clusterrolebinding", "jane", "--clusterrole=approver", "--user=jane")
    await admin("create", "-f", "-", send=asking("joe")[0])
    refused = await jane.run("certificate", "approve", "joe")
    assert (
        'user not permitted to approve requests with signerName "kubernetes.io/'
        'kube-apiserver-client"' in refused.err
    )
    rule = {
        "verbs": ["approve"],
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["signers"],
        "resourceNames": ["kubernetes.io/kube-apiserver-client"],
    }
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "signers"},
        "rules": [rule],
    }
    await admin("create", "-f", "-", send=role)
    await admin("create", "clusterrolebinding", "s", "--clusterrole=signers", "--user=jane")
    await jane("certificate", "approve", "joe")


async def test_nobody_gets_a_certificate_of_system_masters(cluster: TestCluster) -> None:
    admin = await administrator(cluster)
    refused = await admin.run("create", "-f", "-", send=asking("eve", "system:masters")[0])
    assert (
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not "
        "allowed" in refused.err
    )


async def test_what_becomes_of_a_request_is_for_its_signer_to_say(cluster: TestCluster) -> None:
    admin, jane = await administrator(cluster), await person(cluster, "jane")
    await admin("create", "clusterrole", "s", "--verb=get,patch", "--resource=csr,csr/status")
    await admin("create", "clusterrolebinding", "jane", "--clusterrole=s", "--user=jane")
    await admin("create", "-f", "-", send=asking("joe")[0])
    failed = {"type": "Failed", "status": "True", "reason": "Mine", "message": "no"}
    patch = ["patch", "csr", "joe", "--subresource=status", "--type=merge", "-p"]
    refused = await jane.run(*patch, json.dumps({"status": {"conditions": [failed]}}))
    assert (
        'user not permitted to sign requests with signerName "kubernetes.io/'
        'kube-apiserver-client"' in refused.err
    )
