"""What policies may look at beyond the request."""

from __future__ import annotations

from dataclasses import dataclass

from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.policies.matching import Versions
from grappe.apiserver.admission.policies.parameters import Kinds
from grappe.apiserver.auth.authorizer import Authorizer


@dataclass(frozen=True, slots=True)
class Surroundings:
    live: Live
    authorizer: Authorizer
    versions: Versions
    kinds: Kinds
