"""What names, label keys and label values may look like.

Each `*_problems` function takes a string and returns what is wrong with it: a list of messages in
Kubernetes' wording, empty when the value is valid. Rules:
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and …/labels/.
Lengths are in bytes of UTF-8.
"""

from __future__ import annotations

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_SEARCH_LABEL = "[a-z0-9_]([-_a-z0-9]*[a-z0-9])?"
_SEARCH_DOMAIN = _SEARCH_LABEL + r"(\." + _SEARCH_LABEL + ")*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_ENV_NAME_RELAXED = "[ -<>-~]+"
_WILDCARD = r"\*\." + _SUBDOMAIN
_URL_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_HEADER = "[-A-Za-z0-9]+"
_PERCENT = "[0-9]+%"

_label = re.compile(_LABEL).fullmatch
_subdomain = re.compile(_SUBDOMAIN).fullmatch
_label_1035 = re.compile(_LABEL_1035).fullmatch
_search_domain = re.compile(_SEARCH_DOMAIN).fullmatch
_wildcard = re.compile(_WILDCARD).fullmatch
_key = re.compile(_KEY).fullmatch
_value = re.compile(_VALUE).fullmatch
_config_key = re.compile(_CONFIG_KEY).fullmatch
_env_name_relaxed = re.compile(_ENV_NAME_RELAXED).fullmatch
_port_charset = re.compile("[-a-z0-9]+").fullmatch
_port_letter = re.compile("[a-z]").search
_url_path = re.compile(_URL_PATH).fullmatch
_header = re.compile(_HEADER).fullmatch
_percent = re.compile(_PERCENT).fullmatch

LABEL_MAX = 63
SUBDOMAIN_MAX = 253


def regex_problem(rule: str, pattern: str, *examples: str) -> str:
    """`rule (e.g. 'a',  or 'b', regex used for validation is '…')`, as Kubernetes prints it."""
    if not examples:
        return f"{rule} (regex used for validation is '{pattern}')"
    told = " or ".join(f"'{e}', " for e in examples)
    return f"{rule} (e.g. {told}regex used for validation is '{pattern}')"


def too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def range_problem(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def _exceeds(value: str, limit: int) -> bool:
    return len(value) > limit or (not value.isascii() and len(value.encode()) > limit)


def dns_label_problems(value: str) -> list[str]:
    """An RFC 1123 label: namespaces, containers, …"""
    found = [too_long(LABEL_MAX)] if _exceeds(value, LABEL_MAX) else []
    if not _label(value):
        if _subdomain(value):
            found.append("must not contain dots")
        else:
            found.append(
                regex_problem(
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric "
                    "characters or '-', and must start and end with an alphanumeric character",
                    _LABEL,
                    "my-name",
                    "123-abc",
                )
            )
    return found


def dns_subdomain_problems(value: str) -> list[str]:
    """An RFC 1123 subdomain: most object names."""
    found = [too_long(SUBDOMAIN_MAX)] if _exceeds(value, SUBDOMAIN_MAX) else []
    if not _subdomain(value):
        found.append(
            regex_problem(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                "characters, '-' or '.', and must start and end with an alphanumeric character",
                _SUBDOMAIN,
                "example.com",
            )
        )
    return found


def search_domain_problems(value: str) -> list[str]:
    """A domain that a resolver searches; its labels may hold underscores (`_tcp.example.com`)."""
    found = [too_long(SUBDOMAIN_MAX)] if _exceeds(value, SUBDOMAIN_MAX) else []
    if not _search_domain(value):
        found.append(
            regex_problem(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                "characters, '_', '-' or '.', and must start and end with an alphanumeric "
                "character",
                _SEARCH_DOMAIN,
                "example.com",
            )
        )
    return found


def wildcard_subdomain_problems(value: str) -> list[str]:
    """`*.` and a subdomain: hosts of an Ingress."""
    found = [too_long(SUBDOMAIN_MAX)] if _exceeds(value, SUBDOMAIN_MAX) else []
    if not _wildcard(value):
        found.append(
            regex_problem(
                "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS "
                "subdomain, which must consist of lower case alphanumeric characters, '-' or '.' "
                "and end with an alphanumeric character",
                _WILDCARD,
                "*.example.com",
            )
        )
    return found


def dns_1035_label_problems(value: str) -> list[str]:
    """An RFC 1035 label, which starts with a letter: names of Services."""
    found = [too_long(LABEL_MAX)] if _exceeds(value, LABEL_MAX) else []
    if not _label_1035(value):
        found.append(
            regex_problem(
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                "start with an alphabetic character, and end with an alphanumeric character",
                _LABEL_1035,
                "my-name",
                "abc-123",
            )
        )
    return found


def path_segment_problems(value: str) -> list[str]:
    """Names of RBAC objects: anything that fits in one path segment."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{c}'" for c in "/%" if c in value]


_KEY_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character"
)


def qualified_name_problems(value: str) -> list[str]:
    """A label or annotation key, resource name or finalizer: `name` or `dns.prefix/name`."""
    if _key(value) and not _exceeds(value, LABEL_MAX):
        return []
    rule = regex_problem(_KEY_RULE, _KEY, "MyName", "my.name", "123-abc")
    prefix, slash, name = value.rpartition("/")
    found: list[str] = []
    if slash:
        if "/" in prefix:
            return [
                f"a valid label key {rule} with an optional DNS subdomain prefix and '/' "
                "(e.g. 'example.com/MyName')"
            ]
        if not prefix:
            found.append("prefix part must be non-empty")
        else:
            found += [f"prefix part {p}" for p in dns_subdomain_problems(prefix)]
    if not name:
        found.append("name part must be non-empty")
    elif _exceeds(name, LABEL_MAX):
        found.append(f"name part {too_long(LABEL_MAX)}")
    if not _key(name):
        found.append(f"name part {rule}")
    return found


def label_value_problems(value: str) -> list[str]:
    found = [too_long(LABEL_MAX)] if _exceeds(value, LABEL_MAX) else []
    if not _value(value):
        found.append(
            regex_problem(
                "a valid label must be an empty string or consist of alphanumeric characters, "
                "'-', '_' or '.', and must start and end with an alphanumeric character",
                _VALUE,
                "MyValue",
                "my_value",
                "12345",
            )
        )
    return found


def _directory_problems(value: str) -> list[str]:
    if value in (".", ".."):
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []


def config_key_problems(value: str) -> list[str]:
    """A key of a ConfigMap or Secret: it becomes a file name."""
    found = [too_long(SUBDOMAIN_MAX)] if _exceeds(value, SUBDOMAIN_MAX) else []
    if not _config_key(value):
        found.append(
            regex_problem(
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                _CONFIG_KEY,
                "key.name",
                "KEY_NAME",
                "key-name",
            )
        )
    return found + _directory_problems(value)


def env_name_problems(value: str) -> list[str]:
    """The name of an environment variable (relaxed rule, general since Kubernetes 1.34)."""
    if not value:
        return ["environment variable name must be non-empty"]
    if not _env_name_relaxed(value):
        return [
            "a valid environment variable name must consist only of printable ASCII characters "
            "other than '='"
        ]
    return []


def port_name_problems(value: str) -> list[str]:
    """The name of a container or target port (RFC 6335 service name, lower case)."""
    found = [too_long(15)] if _exceeds(value, 15) else []
    if not _port_charset(value):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _port_letter(value):
        found.append("must contain at least one letter (a-z)")
    if "--" in value:
        found.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        found.append("must not begin or end with a hyphen")
    return found


def port_number_problems(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else [range_problem(1, 65535)]


def header_name_problems(value: str) -> list[str]:
    """The name of an HTTP header in a probe."""
    if _header(value):
        return []
    return [
        regex_problem(
            "a valid HTTP header must consist of alphanumeric characters or '-'",
            _HEADER,
            "X-Header-Name",
        )
    ]


def percent_problems(value: str) -> list[str]:
    if _percent(value):
        return []
    return [
        regex_problem(
            "a valid percent string must be a numeric string followed by an ending '%'",
            _PERCENT,
            "1%",
            "93%",
        )
    ]


def generated_name(prefix: str, suffix: str) -> str:
    """`metadata.generateName` and a random suffix; the prefix is cut so that the whole fits a
    DNS label."""
    return prefix[: LABEL_MAX - len(suffix)] + suffix


def prefixed_path_problems(value: str) -> list[str]:
    """A domain and a path below it: `example.com/controller`."""
    domain, slash, path = value.partition("/")
    if not slash or not domain:
        return ['must be a domain-prefixed path (such as "acme.io/foo")']
    found = dns_subdomain_problems(domain)
    if not path:
        found.append('must be a domain-prefixed path (such as "acme.io/foo")')
    elif not _url_path(path):
        found.append(regex_problem("Invalid path", _URL_PATH))
    return found


def percent_of(value: str) -> int:
    """The number of a percent string; 0 when it is none."""
    return int(value[:-1]) if _percent(value) else 0
