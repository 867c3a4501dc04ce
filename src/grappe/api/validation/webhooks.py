"""Webhook configurations, and the `clientConfig` of every webhook.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-configuration
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from grappe.api import Object, names
from grappe.api.causes import duplicate, invalid, not_supported, required, too_many
from grappe.api.validation.policy_expressions import Expressions
from grappe.api.validation.resource_rules import resource_rule
from grappe.api.validation.rules import Causes, label_selector

_FAILURE_POLICIES = ("Fail", "Ignore")
_MATCH_POLICIES = ("Equivalent", "Exact")
_REINVOCATION_POLICIES = ("IfNeeded", "Never")
_NO_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_SIDE_EFFECTS = ("None", "NoneOnDryRun", "Some", "Unknown")
_REVIEW_VERSIONS = ("v1", "v1beta1")
_MOST_CONDITIONS = 64
_LONGEST_TIMEOUT = 30
_URL_FORM = "; desired format: https://host[/path]"


def configuration(obj: Object) -> Causes:
    """A new MutatingWebhookConfiguration or ValidatingWebhookConfiguration."""
    yield from _configuration(obj, _NO_SIDE_EFFECTS, known_version=True, unique=True)


def configuration_update(new: Object, old: Object) -> Causes:
    """What creation refuses and the stored configuration holds already may stay."""
    before = old.get("webhooks") or ()
    harmless = all(hook.get("sideEffects") in _NO_SIDE_EFFECTS for hook in before)
    yield from _configuration(
        new,
        _NO_SIDE_EFFECTS if harmless else _SIDE_EFFECTS,
        known_version=all(_knows(hook.get("admissionReviewVersions") or ()) for hook in before),
        unique=len({hook.get("name") for hook in before}) == len(before),
        known_conditions=[hook.get("matchConditions") or [] for hook in before],
    )


def _knows(versions: Sequence[str]) -> bool:
    return not versions or any(version in _REVIEW_VERSIONS for version in versions)


def _configuration(
    obj: Object,
    side_effects: Sequence[str],
    *,
    known_version: bool,
    unique: bool,
    known_conditions: Sequence[Any] = (),
) -> Causes:
    seen = set()
    hooks = obj.get("webhooks") or ()
    conditions = [hook.get("matchConditions") or [] for hook in hooks]
    for index, hook in enumerate(hooks):
        at = f"webhooks[{index}]"
        yield from _webhook(hook, at, side_effects)
        if conditions != known_conditions:
            yield from _conditions(conditions[index], f"{at}.matchConditions")
        versions = hook.get("admissionReviewVersions") or []
        yield from _review_versions(versions, f"{at}.admissionReviewVersions", known_version)
        name = hook.get("name")
        if unique and name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)


def _webhook(hook: Object, at: str, side_effects: Sequence[str]) -> Causes:
    yield from _qualified(hook.get("name") or "", f"{at}.name")
    for index, rule in enumerate(hook.get("rules") or ()):
        yield from resource_rule(rule, f"{at}.rules[{index}]")
    for field, supported in (
        ("failurePolicy", _FAILURE_POLICIES),
        ("matchPolicy", _MATCH_POLICIES),
    ):
        yield from _supported(hook, at, field, supported)
    effects = hook.get("sideEffects")
    if effects is None:
        yield required(f"{at}.sideEffects", f"must specify one of {', '.join(side_effects)}")
    else:
        yield from _supported(hook, at, "sideEffects", side_effects)
    timeout = hook.get("timeoutSeconds")
    if timeout is not None and not 1 <= timeout <= _LONGEST_TIMEOUT:
        detail = "the timeout value must be between 1 and 30 seconds"
        yield invalid(f"{at}.timeoutSeconds", timeout, detail)
    for field in ("namespaceSelector", "objectSelector"):
        yield from label_selector(hook.get(field), f"{at}.{field}")
    yield from _supported(hook, at, "reinvocationPolicy", _REINVOCATION_POLICIES)
    yield from client_config(hook.get("clientConfig") or {}, f"{at}.clientConfig")


def _supported(hook: Object, at: str, field: str, supported: Sequence[str]) -> Causes:
    value = hook.get(field)
    if value is not None and value not in supported:
        yield not_supported(f"{at}.{field}", value, supported)


def _qualified(name: str, at: str) -> Causes:
    if not name:
        yield required(at)
        return
    problems = names.dns_subdomain_problems(name)
    if problems:
        yield invalid(at, name, ",".join(problems))
    elif name.count(".") < 2:
        detail = "should be a domain with at least three segments separated by dots"
        yield invalid(at, name, detail)


def _review_versions(versions: list[str], at: str, known: bool) -> Causes:
    spoken = ", ".join(_REVIEW_VERSIONS)
    if not versions:
        yield required(at, f"must specify one of {spoken}")
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid(f"{at}[{index}]", version, "duplicate version")
            continue
        for problem in names.dns_1035_label_problems(version):
            yield invalid(f"{at}[{index}]", version, problem)
    if known and not _knows(versions):
        yield invalid(at, versions, f"must include at least one of {spoken}")


def client_config(config: Object, at: str) -> Causes:
    """Where a webhook is: exactly one of an https address and a Service."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        yield required(at, "exactly one of url or service is required")
    elif url is not None:
        yield from _url(url, f"{at}.url")
    else:
        yield from _service(service or {}, f"{at}.service")


def _url(url: str, at: str) -> Causes:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        yield required(at, f"url must be a valid URL: {error}{_URL_FORM}")
        return
    if parts.scheme != "https":
        yield invalid(at, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}")
    if not host:
        yield invalid(at, "", f"host must be provided{_URL_FORM}")
    if "@" in parts.netloc:
        user = parts.netloc.rpartition("@")[0]
        yield invalid(at, user, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid(at, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid(at, parts.query, "query parameters are not permitted in the URL")


def _service(service: Object, at: str) -> Causes:
    if not service.get("name"):
        yield required(f"{at}.name")
    if not service.get("namespace"):
        yield required(f"{at}.namespace")
    port = service.get("port", 443)
    problems = names.port_number_problems(port)
    if problems:
        yield invalid(f"{at}.port", port, f"port is not valid: {', '.join(problems)}")
    path = service.get("path")
    if path in (None, "", "/"):
        return
    where = f"{at}.path"
    if path == "//":
        yield invalid(where, path, "segment[0] may not be empty")
        return
    if not path.startswith("/"):
        yield invalid(where, path, "must start with a '/'")
    for index, step in enumerate(path[1:].removesuffix("/").split("/")):
        if not step:
            yield invalid(where, path, f"segment[{index}] may not be empty")
            continue
        for problem in names.dns_subdomain_problems(step):
            yield invalid(where, path, f"segment[{index}]: {problem}")


def _conditions(conditions: Sequence[Any], at: str) -> Causes:
    if len(conditions) > _MOST_CONDITIONS:
        yield too_many(at, len(conditions), _MOST_CONDITIONS)
    seen = set()
    for index, condition in enumerate(conditions):
        name = condition.get("name") or ""
        expression = (condition.get("expression") or "").strip()
        if expression:
            yield from Expressions({}).condition(expression, f"{at}[{index}].expression")
        else:
            yield required(f"{at}[{index}].expression")
        if not name:
            yield required(f"{at}[{index}].name")
            continue
        for problem in names.qualified_name_problems(name):
            yield invalid(f"{at}[{index}].name", name, problem)
        if name in seen:
            yield duplicate(f"{at}[{index}].name", name)
        seen.add(name)
