import fnmatch
import string

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.render.directory import RenderError, render, select
from grappe.delivery.render.glob import BadGlobError, compile_glob, matches
from grappe.delivery.render.yaml_documents import BadYamlError, documents

NAMES = ["a.yaml", "b.yml", "c.json", "README.md", "sub/d.yaml", "sub/deep/e.yaml", "env-1.yaml"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["a.yaml", "b.yml", "c.json", "env-1.yaml"]),
        ({"recurse": True}, ["a.yaml", "b.yml", "c.json", "env-1.yaml", "sub/d.yaml",
                             "sub/deep/e.yaml"]),
        ({"include": "*.yaml"}, ["a.yaml", "env-1.yaml"]),
        ({"include": "{a.yaml,sub/*}", "recurse": True}, ["a.yaml", "sub/d.yaml",
                                                          "sub/deep/e.yaml"]),
        ({"exclude": "env-[0-9].yaml"}, ["a.yaml", "b.yml", "c.json"]),
        ({"include": "a.*", "exclude": "a.yaml"}, []),
    ],
)  # fmt: skip
def test_selects_manifests(options, expected):
    assert select(NAMES, **options) == expected


@pytest.mark.parametrize("name", ["Chart.yaml", "kustomization.yaml"])
def test_a_folder_of_another_tool_is_told(name):
    with pytest.raises(RenderError, match=f"{name}: this is a .* not supported"):
        select([*NAMES, name])


def test_a_bad_glob_is_told():
    with pytest.raises(RenderError, match="never closed"):
        select(NAMES, include="{a,b")


@given(st.text("ab*?/", max_size=6), st.text("ab/", max_size=6))
def test_globs_without_brackets_match_as_the_shell_does_with_slashes(pattern, path):
    assert matches(pattern, path) == fnmatch.fnmatchcase(path, pattern)


@given(st.text(max_size=12), st.text(max_size=6))
def test_any_glob_matches_or_is_refused(pattern, path):
    try:
        compile_glob(pattern).fullmatch(path)
    except BadGlobError:
        pass


def one(text: str):
    return [value for _, value in documents(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:22", "22:22"),
        ("2026-01-02", "2026-01-02"),
        ("=", "="),
        ("yes", True),
        ("off", False),
        ("0644", 0o644),
        ("0o644", 0o644),
        ("1e3", 1000.0),
        ("1_000", 1000),
        ("-0x1F", -31),
        ("~", None),
        ("1.2.3", "1.2.3"),
        ('"12"', "12"),
        ("08", 8.0),
        ("+1.5", 1.5),
    ],
)
def test_scalars_are_what_kubernetes_makes_of_them(text, expected):
    [value] = one(f"a: {text}")
    assert value == {"a": expected}
    assert type(value["a"]) is type(expected)


def test_documents_know_their_lines_and_empty_ones_do_not_count():
    text = "# head\n---\na: 1\n---\n---\n# nothing\n---\n\nb: 2\n"
    assert list(documents(text)) == [(3, {"a": 1}), (9, {"b": 2})]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\n---\nb: !!python/object:os.system x\n", 3),
        ("a: {x: 1\n", 1),
        ("a: *nobody\n", 1),
        ("a: .nan\n", 1),
        ("ok: 1\nbad: \x01\n", 2),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, line):
    with pytest.raises(BadYamlError) as caught:
        one(text)
    assert caught.value.line == line


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    try:
        one(text)
    except BadYamlError:
        pass


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(string.printable, max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(json_values.filter(lambda v: v is not None))
def test_json_is_yaml(value):
    text = orjson.dumps(value).decode()
    if text.strip('"') == text or "\\" not in text:  # JSON escapes beyond YAML's: not compared
        assert one(text) == [value]


CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.mark.parametrize("level", ["[", '{"a":', "- "])
def test_nesting_without_end_is_told_and_kills_nobody(level: str) -> None:
    with pytest.raises(BadYamlError, match="nested too deeply"):
        list(documents(level * 1_000_000))


def test_renders_documents_lists_and_json_with_their_origins():
    listed = {"apiVersion": "v1", "kind": "List", "items": [CONFIG, CONFIG]}
    files = {
        "a.yaml": f"---\n{yaml.safe_dump(CONFIG)}---\n{yaml.safe_dump(listed)}".encode(),
        "b.json": orjson.dumps(CONFIG),
        "c.yaml": b"# +argocd:skip-file-rendering\nnot: a manifest\n",
        "d.yaml": b"",
        "e.json": b" ",
    }
    got = render(files)
    assert [m.object for m in got] == [CONFIG] * 4
    assert [m.origin for m in got] == [
        "a.yaml:2", "a.yaml:7 items[0]", "a.yaml:7 items[1]", "b.json:1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.yaml", b"a: [", "a.yaml:1: "),
        ("a.json", b'{"a":\n oops}', "a.json:2: "),
        ("a.yaml", b"x: 1\ny: \xff\n", "a.yaml:2: the text is not UTF-8"),
        ("a.yaml", b"- 1\n", "a.yaml:1: a manifest is a mapping"),
        ("a.yaml", b"kind: Pod\n", "a.yaml:1: apiVersion is missing"),
        ("a.yaml", b"apiVersion: v1\nkind: Pod\n", "a.yaml:1: Pod has no metadata"),
        ("a.yaml", b"apiVersion: v1\nkind: Pod\nmetadata: {}\n", "has no metadata.name"),
        ("a.yaml", b"apiVersion: v1\nkind: Pod\nmetadata: {name: 5}\n", "must be a string"),
        ("a.yaml", b"apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {x: 1}}\n",
         "metadata.labels.x must be a string: quote 1"),
    ],
)  # fmt: skip
def test_a_broken_manifest_is_told_with_file_and_line(name, content, told):
    with pytest.raises(RenderError) as caught:
        render({name: content})
    assert told in str(caught.value)


@given(json_values)
def test_any_json_renders_or_is_refused(value):
    try:
        render({"a.json": orjson.dumps(value), "b.yaml": orjson.dumps(value)})
    except RenderError:
        pass
