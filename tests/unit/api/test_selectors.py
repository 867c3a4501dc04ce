import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.selectors import (
    label_selector_from_object,
    label_selector_from_set,
    parse_field_selector,
    parse_label_selector,
)

LABELS = {"app": "web", "tier": "front", "build": "7", "empty": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app!=web", False),
        ("missing!=x", True),
        ("app in (api, web)", True),
        ("app notin (api)", True),
        ("missing notin (a)", True),
        ("app", True),
        ("!app", False),
        ("! missing", True),
        ("build>6,build<8", True),
        ("app>1", False),
        ("empty=", True),
        ("empty in ()", True),
        ("in in (in)", False),
        (" app = web , tier ", True),
    ],
)
def test_label_selectors(text: str, expected: bool) -> None:
    assert parse_label_selector(text).matches(LABELS) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        (
            "a ? b",
            "unable to parse requirement: found '?', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        (
            "a>x",
            'unable to parse requirement: values[0]: Invalid value: "x": '
            "for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_bad_label_selector_is_a_400_with_the_parsers_message(text: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_label_selector(text)
    assert caught.value.code == 400
    assert caught.value.message == message


def test_malformed_key_is_named() -> None:
    with pytest.raises(ApiError, match='unable to parse requirement: <nil>: Invalid value: "-a"'):
        parse_label_selector("-a=b")


def test_label_selector_prints_canonically() -> None:
    assert str(parse_label_selector("z,b in (y, x),!a")) == "!a,b in (x,y),z"


keys = st.sampled_from(["app", "tier", "example.com/x"])
words = st.sampled_from(["web", "front", "a", ""])
requirements = st.one_of(
    st.builds("{}={}".format, keys, words),
    st.builds("{}!={}".format, keys, words),
    st.builds("{} in ({},{})".format, keys, words, words),
    st.builds("{} notin ({})".format, keys, words),
    keys,
    st.builds("!{}".format, keys),
)


@given(st.lists(requirements, max_size=4), st.dictionaries(keys, words))
def test_printed_label_selector_means_the_same(parts: list[str], labels: dict[str, str]) -> None:
    selector = parse_label_selector(",".join(parts))
    again = parse_label_selector(str(selector))
    assert again.matches(labels) == selector.matches(labels)
    assert str(again) == str(selector)


@given(st.text(alphabet="ab=!(), <>in", max_size=15))
def test_any_text_is_a_selector_or_a_400(text: str) -> None:
    with contextlib.suppress(ApiError):
        selector = parse_label_selector(text)
        assert parse_label_selector(str(selector)) == selector


def test_selector_objects() -> None:
    selector = label_selector_from_object(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["front", "back"]},
                {"key": "legacy", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches(LABELS)
    assert not selector.matches({**LABELS, "legacy": ""})
    assert label_selector_from_object({}).matches({})
    assert not label_selector_from_object(None).matches(LABELS)
    assert not label_selector_from_set({}).matches(LABELS)
    assert label_selector_from_set({"app": "web"}).matches(LABELS)
    with pytest.raises(ApiError, match='"Near" is not a valid label selector operator'):
        label_selector_from_object({"matchExpressions": [{"key": "a", "operator": "Near"}]})


def test_field_selectors() -> None:
    selector = parse_field_selector("status.phase=Running,spec.nodeName!=a")
    assert selector.requirements == [("spec.nodeName", "!=", "a"), ("status.phase", "=", "Running")]
    assert selector.matches({"status.phase": "Running", "spec.nodeName": "b"})
    assert selector.matches({"status.phase": "Running"})
    assert not selector.matches({"status.phase": "Running", "spec.nodeName": "a"})
    assert parse_field_selector("").everything
    assert parse_field_selector("a==b").requirements == [("a", "=", "b")]
    assert parse_field_selector(r"a=b\,c\=d\\").requirements == [("a", "=", "b,c=d\\")]


@given(st.text(max_size=10))
def test_field_selector_values_survive_printing(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
    selector = parse_field_selector(f"f={escaped}")
    assert selector.requirements == [("f", "=", value)]
    assert parse_field_selector(str(selector)).requirements == selector.requirements


def test_bad_field_selectors() -> None:
    with pytest.raises(ApiError, match="invalid selector: 'abc'; can't understand 'abc'"):
        parse_field_selector("abc")
    with pytest.raises(ApiError, match="unescaped character in value: 61"):
        parse_field_selector("a=b=c")
    with pytest.raises(ApiError, match="unescaped character in value: 61"):
        parse_field_selector(r"a\=b=c")  # a field's name has no escapes


def test_a_field_selector_of_nothing_selects_everything() -> None:
    assert parse_field_selector("=,,!=").everything


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a in(", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a in(b,!", "unable to parse requirement: found '!', expected: ',', or identifier"),
        ("a in(b c", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        ("a,", "found '', expected: identifier after ','"),
        (
            "a<b",
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' "
            "operators, the value must be an integer",
        ),
        ("a=b=", "found '=', expected: ',' or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
    ],
)
def test_a_label_selector_is_refused_in_the_words_of_kubernetes(text: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_label_selector(text)
    assert (refused.value.code, refused.value.message) == (400, message)
