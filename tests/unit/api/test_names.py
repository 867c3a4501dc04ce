import pytest

from grappe.api import names


@pytest.mark.parametrize("value", ["a", "my-name", "123-abc", "a" * 63])
def test_dns_labels_accepted(value: str) -> None:
    assert names.dns_label_problems(value) == []


def test_label_with_dots_says_so() -> None:
    assert names.dns_label_problems("a.b") == ["must not contain dots"]


def test_upper_case_name_gets_kubernetes_message() -> None:
    assert names.dns_subdomain_problems("My_App") == [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    ]


def test_trailing_newline_is_no_part_of_a_name() -> None:
    assert names.dns_label_problems("web\n")
    assert names.label_value_problems("web\n")
    assert names.qualified_name_problems("web\n")


def test_too_long_label() -> None:
    assert names.dns_label_problems("a" * 64) == ["must be no more than 63 bytes"]


@pytest.mark.parametrize("value", ["a", "example.com/MyName", "a_b.c-d", "x" * 63])
def test_label_keys_accepted(value: str) -> None:
    assert names.qualified_name_problems(value) == []


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ("", "name part must be non-empty"),
        ("/a", "prefix part must be non-empty"),
        ("a/", "name part must be non-empty"),
        ("UP.com/a", "prefix part a lowercase RFC 1123 subdomain"),
        ("a/b/c", "a valid label key must consist of alphanumeric characters"),
        ("-a", "name part must consist of alphanumeric characters"),
    ],
)
def test_label_keys_refused(value: str, start: str) -> None:
    assert names.qualified_name_problems(value)[0].startswith(start)


def test_label_values() -> None:
    assert names.label_value_problems("") == []
    assert names.label_value_problems("My_value.1") == []
    assert names.label_value_problems("a b")
    assert names.label_value_problems("é")


def test_config_keys() -> None:
    assert names.config_key_problems("app.conf") == []
    assert names.config_key_problems("..data") == ["must not start with '..'"]
    assert names.config_key_problems("a/b")


def test_port_names() -> None:
    assert names.port_name_problems("http-1") == []
    assert names.port_name_problems("80") == ["must contain at least one letter (a-z)"]
    assert names.port_name_problems("a--b") == ["must not contain consecutive hyphens"]


def test_environment_names() -> None:
    assert names.env_name_problems("my.env-name 1") == []
    assert names.env_name_problems("a=b")
    assert names.env_name_problems("") == ["environment variable name must be non-empty"]


def test_generated_names_fit_a_label() -> None:
    assert names.generated_name("web-", "x7k2p") == "web-x7k2p"
    assert len(names.generated_name("w" * 100, "x7k2p")) == 63
