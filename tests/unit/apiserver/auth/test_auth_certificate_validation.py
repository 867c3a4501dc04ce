"""What a CertificateSigningRequest may say, and what may be made of it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from grappe.apiserver.auth.certificates.validation import problems_of_new, problems_of_update
from grappe.apiserver.registry.strategies.csr import stamp_conditions

from .test_auth_certificate_rules import request

PEM = b64encode(request("jane", ["devs"])).decode()


def csr(**changed: Any) -> dict[str, Any]:
    spec = {"request": PEM, "signerName": "a.example.com/x", "usages": ["client auth"], **changed}
    return {"spec": spec}


def test_a_good_request() -> None:
    assert list(problems_of_new(csr())) == []
    assert list(problems_of_new(csr(expirationSeconds=600))) == []


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"request": "eA=="}, "spec.request", "PEM block type must be CERTIFICATE REQUEST"),
        ({"usages": []}, "spec.usages", "Required value"),
        ({"usages": ["sleeping"]}, "spec.usages[0]", 'Unsupported value: "sleeping"'),
        (
            {"usages": ["client auth", "client auth"]},
            "spec.usages[1]",
            'Duplicate value: "client auth"',
        ),
        ({"signerName": ""}, "spec.signerName", "Required value"),
        ({"signerName": "signer"}, "spec.signerName", "must be a fully qualified domain and path"),
        (
            {"signerName": "kubernetes.io/legacy-unknown"},
            "spec.signerName",
            "the legacy signerName is not allowed via this API version",
        ),
        ({"signerName": "localhost/x"}, "spec.signerName", "at least two segments"),
        (
            {"expirationSeconds": 599},
            "spec.expirationSeconds",
            "may not specify a duration less than 600 seconds (10 minutes)",
        ),
    ],
)
def test_what_is_wrong_with_a_new_one(changed: dict[str, Any], field: str, told: str) -> None:
    (cause,) = problems_of_new(csr(**changed))
    assert cause.field == field
    assert told in cause.message


APPROVED = {"type": "Approved", "status": "True", "reason": "x"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [APPROVED], ""),
        ([APPROVED], [APPROVED, {"type": "Other", "status": "Unknown"}], ""),
        ([APPROVED], [], 'updates may not remove a condition of type "Approved"'),
        (
            [APPROVED],
            [{**APPROVED, "reason": "y"}],
            'updates may not modify a condition of type "Approved"',
        ),
        (
            [APPROVED],
            [APPROVED, {"type": "Denied", "status": "True"}],
            "Approved and Denied conditions are mutually exclusive",
        ),
        ([], [APPROVED, APPROVED], 'Duplicate value: "Approved"'),
        ([], [{**APPROVED, "status": "False"}], 'Unsupported value: "False"'),
        ([], [{"type": "Other"}], "Required value"),
    ],
)
def test_conditions_only_grow(before: list[Any], after: list[Any], told: str) -> None:
    new, old = {"status": {"conditions": after}}, {"status": {"conditions": before}}
    found = [cause.message for cause in problems_of_update(new, old)]
    assert bool(found) == bool(told)
    assert all(told in message for message in found)


def test_a_certificate_is_one_and_stays() -> None:
    bad = {"status": {"certificate": b64encode(b"x").decode()}}
    (cause,) = problems_of_update(bad, {})
    assert (cause.field, "CERTIFICATE" in cause.message) == ("status.certificate", True)
    (cause,) = problems_of_update({"status": {"certificate": "eQ=="}}, bad)
    assert "updates may not modify existing certificate content" in cause.message


def test_conditions_say_since_when() -> None:
    before = [{"type": "A", "status": "True", "lastTransitionTime": "then"}]
    conditions = [
        {"type": "A", "status": "True"},
        {"type": "B", "status": "True", "lastUpdateTime": "said"},
    ]
    stamp_conditions(conditions, before, "now")
    assert conditions[0]["lastUpdateTime"] == "now"
    assert conditions[0]["lastTransitionTime"] == "then"
    assert conditions[1]["lastUpdateTime"] == "said"
    assert conditions[1]["lastTransitionTime"] == "now"
