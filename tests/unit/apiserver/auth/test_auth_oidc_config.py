"""The AuthenticationConfiguration file: what it may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.oidc.config import Anonymous, Authentication, load, parse
from grappe.apiserver.auth.oidc.config_problems import problems
from grappe.base.errors import UserError


def issuer(**changed: Any) -> dict[str, Any]:
    return {
        "issuer": {"url": "https://id.example.com", "audiences": ["grappe"]},
        "claimMappings": {"username": {"claim": "sub", "prefix": "oidc:"}},
        **changed,
    }


def config(*issuers: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": list(issuers),
        **changed,
    }


def test_an_issuer_says_how_claims_become_a_user() -> None:
    wanted = issuer(
        claimMappings={
            "username": {"claim": "email", "prefix": ""},
            "groups": {"claim": "roles", "prefix": "oidc:"},
            "uid": {"claim": "sub"},
        },
        claimValidationRules=[{"claim": "hd", "requiredValue": "example.com"}],
    )
    assert list(problems(config(wanted))) == []
    (found,) = parse(config(wanted)).issuers
    assert found.url == "https://id.example.com"
    assert found.audiences == {"grappe"}
    assert (found.username_claim, found.username_prefix) == ("email", "")
    assert (found.groups_claim, found.groups_prefix) == ("roles", "oidc:")
    assert found.uid_claim == "sub"
    assert found.required == {"hd": "example.com"}


def with_issuer(**changed: Any) -> dict[str, Any]:
    base = {"url": "https://id.example.com", "audiences": ["grappe"]}
    return config(issuer(issuer={**base, **changed}))


def with_mapping(**mappings: Any) -> dict[str, Any]:
    username = {"claim": "sub", "prefix": ""}
    return config(issuer(claimMappings={"username": username, **mappings}))


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        ({**config(), "kind": "Other"}, "kind: must be AuthenticationConfiguration"),
        ({**config(), "apiVersion": "v1"}, "apiVersion: must be apiserver.config.k8s.io/v1"),
        ({**config(), "jwts": []}, 'unknown field "jwts"'),
        ([], "the file: must be an object"),
        (with_issuer(url=""), "jwt[0].issuer.url: Required value"),
        (
            with_issuer(url="http://id.example.com"),
            'jwt[0].issuer.url: Invalid value: "http://id.example.com": URL scheme must be https',
        ),
        (
            with_issuer(url="https://me:pass@id.example.com"),
            "jwt[0].issuer.url: Invalid value: URL must not contain a username or password",
        ),
        (
            with_issuer(discoveryURL="https://id.example.com/"),
            'jwt[0].issuer.discoveryURL: Invalid value: "https://id.example.com/": discoveryURL '
            "must be different from URL",
        ),
        (
            with_issuer(audiences=[]),
            "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is "
            "required",
        ),
        (
            with_issuer(audiences=["a", "b"]),
            'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be '
            "MatchAny for multiple audiences",
        ),
        (
            with_issuer(certificateAuthority="x"),
            'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": no PEM certificate',
        ),
        (with_issuer(audiences="grappe"), "jwt[0].issuer.audiences: must be a list"),
        (
            config(issuer(), issuer()),
            'jwt[1].issuer.url: Duplicate value: "https://id.example.com"',
        ),
        (
            with_mapping(username={}),
            "jwt[0].claimMappings.username: Required value: claim or expression is required",
        ),
        (
            with_mapping(groups={"claim": "groups"}),
            "jwt[0].claimMappings.groups.prefix: Required value: prefix is required when claim is "
            "set. It can be set to an empty string to disable prefixing",
        ),
        (
            with_mapping(uid={"claim": "a", "expression": "claims.b"}),
            "jwt[0].claimMappings.uid: Invalid value: claim and expression can't both be set",
        ),
        (
            with_mapping(extra=[{"key": "kubernetes.io/a", "valueExpression": "claims.a"}]),
            'jwt[0].claimMappings.extra[0].key: Invalid value: "kubernetes.io/a": k8s.io, '
            "kubernetes.io and their subdomains are reserved for Kubernetes use",
        ),
        (
            with_mapping(extra=[{"key": "a", "valueExpression": "claims.a"}]),
            'jwt[0].claimMappings.extra[0].key: Invalid value: "a": must be a domain-prefixed '
            'path (such as "acme.io/foo")',
        ),
        (
            with_mapping(extra=[{"key": "a.b/c"}]),
            "jwt[0].claimMappings.extra[0].valueExpression: Required value: valueExpression is "
            "required",
        ),
        (
            with_mapping(username={"expression": "claims.email"}),
            'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": '
            "claims.email_verified must be used in claimMappings.username.expression or "
            "claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when "
            "claims.email is used in claimMappings.username.expression",
        ),
        (
            config(issuer(claimValidationRules=[{"expression": "claims.a"}])),
            'jwt[0].claimValidationRules[0].expression: Invalid value: "claims.a": must evaluate '
            "to bool",
        ),
        (
            config(issuer(userValidationRules=[{"message": "no"}])),
            "jwt[0].userValidationRules[0].expression: Required value: expression is required",
        ),
        (
            config(issuer(claimValidationRules=[{"claim": "a"}, {"claim": "a"}])),
            'jwt[0].claimValidationRules[1].claim: Duplicate value: "a"',
        ),
        (
            config(anonymous={"enabled": False, "conditions": [{"path": "/livez"}]}),
            "anonymous.conditions: Invalid value: enabled should be set to true when conditions "
            "are defined",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_field(obj: Any, problem: str) -> None:
    assert list(problems(obj)) == [problem]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (with_mapping(groups={"expression": "claims."}), "Syntax error"),
        (with_mapping(uid={"expression": "user.uid"}), "undeclared reference to 'user'"),
        (
            config(issuer(userValidationRules=[{"expression": "user.nam == ''"}])),
            "undefined field 'nam'",
        ),
    ],
)
def test_expressions_that_do_not_compile(wrong: Any, told: str) -> None:
    (problem,) = problems(wrong)
    assert "expression: Invalid value" in problem
    assert told in problem


def test_an_address_that_is_verified_may_be_a_name() -> None:
    username = {"expression": "claims.email"}
    verified = [{"expression": "claims.email_verified == true", "message": "verify it"}]
    wanted = issuer(claimMappings={"username": username}, claimValidationRules=verified)
    assert list(problems(config(wanted))) == []
    (found,) = parse(config(wanted)).issuers
    assert found.claim_rules == (("claims.email_verified == true", "verify it"),)
    assert found.required == {}


def test_anonymous_may_be_kept_to_some_paths() -> None:
    said = config(anonymous={"enabled": True, "conditions": [{"path": "/livez"}]})
    anonymous = parse(said).anonymous
    assert anonymous.admits("/livez")
    assert not anonymous.admits("/api")
    assert not parse(config(anonymous={"enabled": False})).anonymous.admits("/livez")
    assert parse(config()).anonymous == Anonymous()


def test_a_file_is_read_or_refused_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "authentication.yaml"
    assert load(path) == Authentication()
    path.write_text(yaml.safe_dump(config(issuer())))
    assert len(load(path).issuers) == 1
    path.write_text(yaml.safe_dump(with_issuer(url="", audiences=[])))
    with pytest.raises(UserError) as error:
        load(path)
    assert "issuer.url" in error.value.message
    assert "issuer.audiences" in error.value.message
    path.write_text("{")
    with pytest.raises(UserError, match="no YAML"):
        load(path)


_FIELDS = """
jwt issuer url audiences discoveryURL claimMappings username groups uid extra claim prefix
claimValidationRules anonymous enabled conditions path
"""
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(_FIELDS.split()), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(_json, _json)
def test_files_of_any_content_are_good_or_refused(jwt: Any, anonymous: Any) -> None:
    for obj in (jwt, config(jwt=jwt), config(jwt=[jwt]), config(anonymous=anonymous)):
        if not list(problems(obj)):
            parse(obj)
