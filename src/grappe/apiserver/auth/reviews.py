"""Who am I, may I, may they, is this token good: the questions clients ask by creating a review.

Nothing is stored; the answer is the review with its status filled in.
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from grappe.api import Object
from grappe.api.errors import Cause, bad_request, invalid
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.auth.bearer import BearerTokens
from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.auth.rbac.rules import Rule
from grappe.apiserver.auth.review_rules import (
    problems_of,
    problems_of_local,
    selected_fields,
)
from grappe.apiserver.auth.service_accounts import DEFAULT_AUDIENCES
from grappe.apiserver.http.messages import User

_AUTHORIZATION = "authorization.k8s.io"


class Reviews:
    """Answers the six kinds of review."""

    def __init__(self, authorizer: Authorizer, tokens: BearerTokens) -> None:
        self._authorizer = authorizer
        self._tokens = tokens
        self._kinds: dict[str, Callable[[Object, User, str], Object]] = {
            "SelfSubjectReview": self._self_subject_review,
            "TokenReview": self._token_review,
            "SelfSubjectAccessReview": self._self_subject_access_review,
            "SubjectAccessReview": self._subject_access_review,
            "LocalSubjectAccessReview": self._local_subject_access_review,
            "SelfSubjectRulesReview": self._self_subject_rules_review,
        }

    def create(self, kind: str, obj: Object, user: User, namespace: str) -> Object:
        """`obj` with its status: the answer to POST. ApiError 400 or 422 for a question that
        makes no sense."""
        status = self._kinds[kind](obj, user, namespace)
        return {**obj, "metadata": obj.get("metadata") or {}, "status": status}

    # -- authentication ------------------------------------------------------------------------
    def _self_subject_review(self, obj: Object, user: User, namespace: str) -> Object:
        return {"userInfo": user_info(user)}

    def _token_review(self, obj: Object, user: User, namespace: str) -> Object:
        spec = _spec(obj)
        token = spec.get("token")
        if not isinstance(token, str) or not token:
            raise bad_request("token is required for TokenReview in authentication")
        audiences = spec.get("audiences") or DEFAULT_AUDIENCES
        try:
            found, shared = self._tokens.verify(token, audiences)
        except TokenError as error:
            return {"user": {}, "error": f"[invalid bearer token, {error}]"}
        return {"authenticated": True, "user": user_info(found), "audiences": shared}

    # -- authorization -------------------------------------------------------------------------
    def _self_subject_access_review(self, obj: Object, user: User, namespace: str) -> Object:
        spec = _checked(obj, problems_of(_spec(obj), subject=False))
        return self._judge(user, _action(spec))

    def _subject_access_review(self, obj: Object, user: User, namespace: str) -> Object:
        spec = _checked(obj, problems_of(_spec(obj), subject=True))
        return self._judge(_subject(spec), _action(spec))

    def _local_subject_access_review(self, obj: Object, user: User, namespace: str) -> Object:
        own = (obj.get("metadata") or {}).get("namespace") or namespace
        if own != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        spec = _checked(obj, problems_of_local(_spec(obj), namespace))
        return self._judge(_subject(spec), _action(spec))

    def _judge(self, user: User, action: Action) -> Object:
        status: Object = {"allowed": self._authorizer.allows(user, action)}
        if status["allowed"]:
            reason = self._authorizer.reason(user, action)
        else:
            reason = self._authorizer.refusal_reason(user, action)
        if reason:
            status["reason"] = reason
        return status

    def _self_subject_rules_review(self, obj: Object, user: User, namespace: str) -> Object:
        asked = _spec(obj).get("namespace", "")
        if not asked:
            raise bad_request("no namespace on request")
        rules = self._authorizer.rules(user, asked)
        status: Object = {
            "resourceRules": [_resource_rule(rule) for rule in rules if rule.resources],
            "nonResourceRules": [
                {"verbs": sorted(rule.verbs), "nonResourceURLs": list(rule.paths)}
                for rule in rules
                if rule.paths
            ],
        }
        unlisted = self._authorizer.unlisted(user)
        status["incomplete"] = bool(unlisted)
        missing = self._authorizer.evaluation_error(user, asked)
        if missing or unlisted:
            status["evaluationError"] = ", ".join(filter(None, (unlisted, missing)))
        return status


def user_info(user: User) -> Object:
    """`UserInfo` of authentication.k8s.io/v1; also what admission reviews carry."""
    info: Object = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return info


def _resource_rule(rule: Rule) -> Object:
    found = rule.to_object()
    found.pop("nonResourceURLs", None)
    return found


def _checked(obj: Object, problems: Iterable[Cause]) -> Object:
    """The review's spec; ApiError 422 when something is wrong with it."""
    found = list(problems)
    if found:
        raise invalid(obj["kind"], "", found, _AUTHORIZATION)
    return _spec(obj)


def _spec(obj: Object) -> Object:
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


def _subject(spec: Object) -> User:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    groups = tuple(spec.get("groups") or ())
    return User(spec.get("user") or "", groups, spec.get("uid") or "", extra)


def _action(spec: Object) -> Action:
    path: dict[str, Any] | None = spec.get("nonResourceAttributes")
    if path is not None:
        return Action(path.get("verb", ""), path=path.get("path") or "/")
    resource: dict[str, Any] = spec.get("resourceAttributes") or {}
    return Action(
        resource.get("verb", ""),
        resource.get("group", ""),
        resource.get("resource", ""),
        resource.get("subresource", ""),
        resource.get("namespace", ""),
        resource.get("name", ""),
        "",
        selected_fields(resource.get("fieldSelector") or {}),
    )
