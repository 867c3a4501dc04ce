"""What expressions come to: CEL's own functions and Kubernetes'."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.cel import environment
from grappe.api.cel.costs import Meter
from grappe.api.cel.library import CompileError, Environment
from grappe.api.cel.program import Program
from grappe.api.cel.types import DYN, INT, STRING, Type, list_of, map_of, object_of
from grappe.api.cel.values import CelError, CostExceeded

POD = {
    "spec": {
        "replicas": 3,
        "containers": [
            {"name": "a", "image": "registry/x:1", "limits": {"cpu": "1"}},
            {"name": "b", "image": "other/x:1"},
        ],
    }
}
VARIABLES = {
    "self": POD,
    "n": 5,
    "grid": [["x"]],
    "o": {"x": 1, "labels": {"a": "b"}},
    "variables": lambda name, meter: {"seven": 7}[name],
}


@pytest.fixture(scope="module")
def env() -> Environment:
    shape = object_of("a.B", {"x": INT, "labels": map_of(STRING), "names": list_of(STRING)})
    return environment(
        {
            "self": DYN,
            "n": INT,
            "grid": list_of(list_of(STRING)),
            "o": shape,
            "variables.seven": INT,
            "authorizer": Type("Authorizer"),
        }
    )


def value_of(env: Environment, source: str) -> Any:
    return Program(env.check(source).expr).evaluate(VARIABLES, Meter())


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("self.spec.replicas == 3 && n > 4", True),
        ("n / 2 * -1", -2),
        ("-7 % 3", -1),
        ("1 < 1.5 && 2u > 1", True),
        ("dyn(1) == 1.0", True),
        ("true == dyn(1)", False),
        ("self.spec.missing == 1 || true", True),
        ("false && self.spec.missing == 1", False),
        ("has(self.spec.replicas) && !has(self.spec.missing)", True),
        ("self.spec.containers.all(c, c.image.startsWith('registry/'))", False),
        ("self.spec.containers.exists(c, has(c.limits))", True),
        ("self.spec.containers.exists_one(c, c.name == 'a')", True),
        ("self.spec.containers.filter(c, c.name != 'a').map(c, c.name)", ["b"]),
        ("[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]),
        ("[[1, 2], [3]].map(x, x.map(x, x + 1))", [[2, 3], [4]]),
        ("[1, 2].all(i, v, v == i + 1)", True),
        ("[1, 2].exists(i, v, i == 1 && v == 2)", True),
        ("[5, 6].transformList(i, v, i + v)", [5, 7]),
        ("[5, 6].transformList(i, v, i > 0, v)", [6]),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v * 2)", {"a": 2, "b": 4}),
        ("{'a': 1}.transformMapEntry(k, v, {k + 'x': v})", {"ax": 1}),
        ("cel.bind(x, n + 1, x * x)", 36),
        ("cel.bind(x, self.spec.missing, 1)", 1),
        ("[1, 2].map(i, cel.bind(x, i * 10, cel.bind(y, x + i, y + y)))", [22, 44]),
        ("variables.seven + 1", 8),
        ("self.?spec.?missing.orValue('none')", "none"),
        ("self.?spec.?missing.?deeper.hasValue()", False),
        ("[1][?3].or(optional.of(4)).value()", 4),
        ("[?self.?missing, 1]", [1]),
        ("{?'a': optional.none(), 'b': 1}", {"b": 1}),
        ("optional.of(1).optMap(x, x + 1).value()", 2),
        ("'x' in o.labels || 'a' in o.labels", True),
        ("grid[0][0] + 'y'", "xy"),
        ("type(n) == int && type('a') != int", True),
        ("size('äö') + size([1]) + size({})", 3),
        ("int('5') + int(5.7)", 10),
        ("string(1.0) + string(true) + string(2.5)", "1true2.5"),
        ("timestamp('2020-01-01T00:00:00Z') + duration('36h') < timestamp('2020-01-03T00:00:00Z')",
         True),
        ("string(timestamp('2020-02-29T01:02:03.5Z'))", "2020-02-29T01:02:03.5Z"),
        ("string(timestamp('0001-02-03T04:05:06.5Z'))", "0001-02-03T04:05:06.5Z"),
        ("timestamp('2020-02-29T23:30:00Z').getDate('+01:00')", 1),
        ("timestamp('2020-02-29T00:00:00Z').getDayOfWeek()", 6),
        ("duration('1h30m').getMinutes()", 90),
        ("string(duration('-1.5s'))", "-1.5s"),
        ("'hello world'.matches('^hello \\\\w+$')", True),
        ("'a-b-c'.split('-', 2)", ["a", "b-c"]),
        ("['a', 'b'].join('+')", "a+b"),
        ("'tacocat'.substring(1, 3) + 'x'.upperAscii() + ' a '.trim()", "acXa"),
        ("'aXbX'.replace('X', '-', 1) + 'abc'.charAt(1)", "a-bXb"),
        ("'tacocat'.indexOf('ac') + 'tacocat'.lastIndexOf('a')", 6),
        ("'%s %d %.2f %x %b'.format(['a', 1, 1.5, 255, 5])", "a 1 1.50 ff 101"),
        ("'%s'.format([{'a': [1, true, null]}])", "{a: [1, true, null]}"),
        ("strings.quote('a\"b')", '"a\\"b"'),
        ("'abc 123 4'.find('[0-9]+')", "123"),
        ("'1 22 333'.findAll('[0-9]+', 2)", ["1", "22"]),
        ("[1, 3, 2].isSorted()", False),
        ("[1, 3, 2].sum() + [1, 3].max() + [4, 2].min()", 11),
        ("['a', 'b', 'a'].lastIndexOf('a')", 2),
        ("sets.contains([1, 2], [1]) && !sets.intersects([1], [2])", True),
        ("sets.equivalent([1, 2, 2], [2, 1])", True),
        ("quantity('1Gi').isGreaterThan(quantity('1M'))", True),
        ("quantity('50k').add(20).asInteger()", 50020),
        ("quantity('50k').sub(quantity('20')).compareTo(quantity('49980'))", 0),
        ("isQuantity('1.5Gi') && !isQuantity('1Xi') && quantity('-1').sign() == -1", True),
        ("quantity('100m').isInteger()", False),
        ("quantity('1500m').asApproximateFloat()", 1.5),
        ("ip('10.0.0.1').family() + ip('::1').family()", 10),
        ("isIP('10.0.0.256') || isIP('fe80::1%eth0')", False),
        ("ip.isCanonical('2001:0db8::1')", False),
        ("ip('127.0.0.1').isLoopback() && ip('8.8.8.8').isGlobalUnicast()", True),
        ("cidr('10.0.0.0/8').containsIP('10.2.3.4')", True),
        ("cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))", True),
        ("string(cidr('10.1.2.3/8').masked()) + string(cidr('10.1.2.3/8').ip())",
         "10.0.0.0/810.1.2.3"),
        ("cidr('10.0.0.0/8').prefixLength()", 8),
        ("url('https://u@h.example:80/a%20b?x=1&x=2').getHost()", "h.example:80"),
        ("url('https://[::1]:80/a%20b?x=1&x=2').getHostname()", "::1"),
        ("url('https://h:80/a%20b?x=1&x=2').getEscapedPath()", "/a%20b"),
        ("url('https://h:80/?x=1&x=2').getQuery()", {"x": ["1", "2"]}),
        ("url('https://h:80/').getPort() + url('/p').getScheme()", "80"),
        ("isURL('https://a.b/c') && !isURL('../a') && !isURL('a')", True),
        ("semver('1.2.3').isLessThan(semver('1.10.0'))", True),
        ("semver('1.0.0-alpha.1').compareTo(semver('1.0.0'))", -1),
        ("semver('v1.2', true).minor()", 2),
        ("isSemver('1.2') || isSemver('01.2.3')", False),
        ("format.dns1123Label().validate('a_b').hasValue()", True),
        ("format.dns1123Label().validate('ab').hasValue()", False),
        ("format.named('uuid').hasValue() && !format.named('nope').hasValue()", True),
    ],
)  # fmt: skip
def test_expressions_come_to_what_kubernetes_says(
    env: Environment, source: str, wanted: object
) -> None:
    found = value_of(env, source)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 0", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("self.spec.missing", "no such key: missing"),
        ("[1][3]", "index out of bounds: 3"),
        ("dyn(1) + dyn('a')", "no such overload"),
        ("optional.none().value()", "optional.none() dereference"),
        ("[1, 2].all(x, self.nope == x)", "no such key: nope"),
        ("quantity('x').isInteger()", "quantities must match the regular expression "
         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    ],
)  # fmt: skip
def test_what_has_no_value_says_why(env: Environment, source: str, told: str) -> None:
    with pytest.raises(CelError) as error:
        value_of(env, source)
    assert str(error.value) == told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("o.nope", "ERROR: <input>:1:2: undefined field 'nope'\n | o.nope\n | .^"),
        ("nope", "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')\n"
         " | nope\n | ^"),
        ("true || no.a.b", "ERROR: <input>:1:9: undeclared reference to 'no' (in container '')\n"
         " | true || no.a.b\n | ........^"),
        ("variables.eight", "ERROR: <input>:1:10: undefined field 'eight'\n"
         " | variables.eight\n | .........^"),
        ("n + 'a'", "ERROR: <input>:1:3: found no matching overload for '_+_' applied to "
         "'(int, string)'\n | n + 'a'\n | ..^"),
        ("'a'.matches('[')", "ERROR: <input>:1:13: invalid matches argument\n"
         " | 'a'.matches('[')\n | ............^"),
        ("n == 1 ||\n 'é'.matches('(')", "ERROR: <input>:2:14: invalid matches argument\n"
         " |  'é'.matches('(')\n | .............^"),
        ("duration('x') < duration('1s') || timestamp('y') < timestamp(1)",
         "ERROR: <input>:1:10: invalid duration argument\n"
         " | duration('x') < duration('1s') || timestamp('y') < timestamp(1)\n | .........^\n"
         "ERROR: <input>:1:45: invalid timestamp argument\n"
         " | duration('x') < duration('1s') || timestamp('y') < timestamp(1)\n"
         f" | {'.' * 44}^"),
        ("1 +", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', "
         "'(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, "
         "BYTES, IDENTIFIER}\n | 1 +\n | ...^"),
    ],
)  # fmt: skip
def test_what_does_not_compile_is_told_as_cel_go_does(
    env: Environment, source: str, told: str
) -> None:
    with pytest.raises(CompileError) as error:
        env.check(source)
    assert str(error.value) == told


@pytest.mark.parametrize(
    "source",
    [
        "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))",
        "self.all(a, self.map(b, [a, b]).size() > 0 && self.exists(c, self.exists(d, d < -c)))",
        "self.map(a, self.map(b, self.map(c, 1))).size() > 0 || true",
    ],
)
def test_an_expression_that_explodes_is_stopped(env: Environment, source: str) -> None:
    program = Program(env.check(source).expr)
    with pytest.raises(CostExceeded, match="operation cancelled: actual cost limit exceeded"):
        program.evaluate({"self": list(range(1000))}, Meter())


def test_big_strings_cost_what_they_are(env: Environment) -> None:
    program = Program(env.check("self.contains(self + 'x')").expr)
    with pytest.raises(CostExceeded):
        program.evaluate({"self": "a" * 100_000}, Meter())


def test_the_checked_type_is_known(env: Environment) -> None:
    assert [env.check(source).result for source in ("n > 1", "'a'", "self.x")] == [
        "bool",
        "string",
        "dyn",
    ]
