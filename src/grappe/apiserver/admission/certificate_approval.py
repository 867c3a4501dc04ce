"""CertificateApproval, CertificateSigning and CertificateSubjectRestriction: who may say yes to a
certificate, and which ones nobody gets this way."""

from __future__ import annotations

from base64 import b64decode

from grappe.api import Object
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.auth.certificates.rules import CLIENT
from grappe.apiserver.auth.certificates.signer import REQUESTS
from grappe.apiserver.auth.names import MASTERS
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class CertificateApproval(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificateapproval

    Needs the verb `approve`, or `sign` to write what came of it into the status, on the signer.
    """

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if bucket != REQUESTS.bucket:
            return False
        if operation == "CREATE":
            return not subresource
        return operation == "UPDATE" and subresource in ("approval", "status")

    def validate(self, request: AdmissionRequest) -> None:
        new, old = request.obj or {}, request.old or {}
        if request.operation == "CREATE":
            _restrict_subject(request, new)
        elif request.info.subresource == "approval":
            self._require(request, "approve")
        elif _said(new) != _said(old):
            self._require(request, "sign")

    def _require(self, request: AdmissionRequest, verb: str) -> None:
        signer: str = ((request.old or {}).get("spec") or {}).get("signerName", "")
        domain = signer.partition("/")[0]
        for name in (signer, f"{domain}/*"):
            action = Action(verb, REQUESTS.group, "signers", "", "", name)
            if self._authorizer.allows(request.user, action):
                return
        raise refuse(request, f'user not permitted to {verb} requests with signerName "{signer}"')


def _said(obj: Object) -> tuple[str, list[Object]]:
    """What only a signer says of a request: its certificate, or why there is none."""
    status = obj.get("status") or {}
    return status.get("certificate") or "", status.get("conditions") or []


def _restrict_subject(request: AdmissionRequest, obj: Object) -> None:
    spec = obj.get("spec") or {}
    if spec.get("signerName") != CLIENT:
        return
    from grappe.apiserver.auth.certificates.sign import RequestError, read_request

    try:
        asked = read_request(b64decode(spec.get("request") or ""))
    except (RequestError, ValueError):
        return  # refused by validation, or at the latest by the signer
    if MASTERS in asked.organizations:
        raise refuse(
            request,
            f"use of {CLIENT} signer with {MASTERS} group is not allowed",
        )
