"""Who is at the other end of a connection, as TLS has verified it."""

from __future__ import annotations


def certificate_of(tls: object) -> tuple[str, tuple[str, ...]] | None:
    """(common name, organizations) of the client certificate; None without one."""
    if tls is None:
        return None
    found = tls.getpeercert()  # type: ignore[attr-defined]
    if not found:
        return None
    name = ""
    organizations: list[str] = []
    for attributes in found["subject"]:
        for key, value in attributes:
            if key == "commonName":
                name = value
            elif key == "organizationName":
                organizations.append(value)
    return name, tuple(organizations)
