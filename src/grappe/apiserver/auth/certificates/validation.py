"""What a CertificateSigningRequest may say.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/certificate-signing-request-v1/
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from grappe.api import Object
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required
from grappe.api.errors import Cause
from grappe.api.names import dns_label_problems, dns_subdomain_problems

_USAGES = frozenset(
    """
any|cert sign|client auth|code signing|content commitment|crl sign|data encipherment|
decipher only|digital signature|email protection|encipher only|ipsec end system|ipsec tunnel|
ipsec user|key agreement|key encipherment|microsoft sgc|netscape sgc|ocsp signing|s/mime|
server auth|signing|timestamping
""".replace("\n", "").split("|")
)
_LEGACY = "kubernetes.io/legacy-unknown"
_LEAST_SECONDS = 600
_LONGEST_SIGNER = 253 + 1 + 63 * 5
_VERDICTS = ("Approved", "Denied")
_LASTING = (*_VERDICTS, "Failed")
_STATUSES = ("False", "True", "Unknown")


def problems_of_new(obj: Object) -> Iterator[Cause]:
    """All that is wrong with a new request."""
    spec: dict[str, Any] = obj.get("spec") or {}
    yield from _request_problems(spec.get("request") or "")
    usages = spec.get("usages") or []
    if not usages:
        yield required("spec.usages")
    for index, usage in enumerate(usages):
        where = f"spec.usages[{index}]"
        if usage not in _USAGES:
            yield not_supported(where, usage, sorted(_USAGES))
        elif usage in usages[:index]:
            yield duplicate(where, usage)
    yield from _signer_problems(spec.get("signerName") or "")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _LEAST_SECONDS:
        yield invalid(
            "spec.expirationSeconds",
            seconds,
            "may not specify a duration less than 600 seconds (10 minutes)",
        )


def _request_problems(request: str) -> Iterator[Cause]:
    from grappe.apiserver.auth.certificates.sign import RequestError, read_request

    try:
        read_request(b64decode(request))
    except (RequestError, ValueError) as error:
        yield invalid("spec.request", request, str(error))


def _signer_problems(name: str) -> Iterator[Cause]:
    where = "spec.signerName"
    if not name:
        yield required(where)
        return
    domain, slash, path = name.partition("/")
    if not slash or "/" in path:
        yield invalid(
            where,
            name,
            'must be a fully qualified domain and path of the form "example.com/signer-name"',
        )
        return
    if name == _LEGACY:
        yield invalid(where, name, "the legacy signerName is not allowed via this API version")
        return
    for problem in dns_subdomain_problems(domain):
        yield invalid(where, domain, problem)
    if "." not in domain:
        yield invalid(
            where, domain, "should be a domain with at least two segments separated by dots"
        )
    for part in path.split("."):
        for problem in dns_label_problems(part):
            yield invalid(where, path, problem)
    if len(name) > _LONGEST_SIGNER:
        yield invalid(where, name, f"must be no more than {_LONGEST_SIGNER} bytes")


def problems_of_update(new: Object, old: Object) -> Iterator[Cause]:
    """All that is wrong with what an update makes of the conditions and the certificate."""
    status, before = new.get("status") or {}, old.get("status") or {}
    conditions: list[Object] = status.get("conditions") or []
    had: list[Object] = before.get("conditions") or []
    yield from _condition_problems(conditions)
    for kind in _LASTING:
        now = [_content(c) for c in conditions if c.get("type") == kind]
        then = [_content(c) for c in had if c.get("type") == kind]
        if len(now) < len(then):
            yield _fixed(f'updates may not remove a condition of type "{kind}"')
        elif then and now[: len(then)] != then:
            yield _fixed(f'updates may not modify a condition of type "{kind}"')
    certificate, issued = status.get("certificate"), before.get("certificate")
    if issued and certificate != issued:
        yield forbidden("status.certificate", "updates may not modify existing certificate content")
    elif certificate and not issued:
        yield from _certificate_problems(certificate)


def _fixed(why: str) -> Cause:
    return forbidden("status.conditions", why)


def _content(condition: Object) -> Object:
    return {key: value for key, value in condition.items() if value}


def _condition_problems(conditions: list[Object]) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        where = f"status.conditions[{index}]"
        kind, status = condition.get("type") or "", condition.get("status") or ""
        allowed = ("True",) if kind in _LASTING else _STATUSES
        if not kind:
            yield required(f"{where}.type")
        if not status:
            yield required(f"{where}.status")
        elif status not in allowed:
            yield not_supported(f"{where}.status", status, allowed)
        if kind in seen:
            yield duplicate(f"{where}.type", kind)
        for verdict in _VERDICTS:
            if kind in _VERDICTS and verdict != kind and verdict in seen:
                told = "Approved and Denied conditions are mutually exclusive"
                yield invalid(f"{where}.type", kind, told)
        seen.add(kind)


def _certificate_problems(certificate: str) -> Iterator[Cause]:
    from grappe.apiserver.auth.certificates.sign import CertificateError, check_certificates

    try:
        check_certificates(b64decode(certificate))
    except (CertificateError, ValueError) as error:
        yield invalid("status.certificate", "<certificate data>", str(error))
