import json

from hypothesis import given
from hypothesis import strategies as st

from grappe.api import Object, protobuf
from grappe.api.errors import conflict
from grappe.apiserver.audit.event import Followed, Told
from grappe.apiserver.audit.policy import Decision, Level
from grappe.apiserver.http.messages import Request, User
from grappe.apiserver.registry.interface import RequestInfo

ADA = User("ada", ("devs",), "1", {"team": ("a", "b")})
TIMES = {
    "requestReceivedTimestamp": "1970-01-01T00:00:01.500000Z",
    "stageTimestamp": "1970-01-01T00:00:02.000000Z",
}


def told(
    request: Request,
    info: RequestInfo,
    code: int = 200,
    *,
    answer: bytes = b"",
    level: Level = Level.METADATA,
    stage: str = "ResponseComplete",
    audit_id: str = "id",
) -> Object:
    decision = Decision(level, frozenset(), False)
    followed = Followed(request, info, decision, audit_id, 1.5)
    line = Told(followed, stage, code, 2.0, answer, "application/json").line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found: Object = json.loads(line)
    return found


def of_new(answer: bytes, code: int = 201) -> Object:
    """The event of a create that is answered so."""
    info = RequestInfo("create", "/x", {}, True, "", "v1", "ns", "pods")
    return told(Request("POST", "/x", "", {}), info, code, answer=answer)


def test_a_new_object_is_named_in_whatever_form_it_is_answered() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-1", "namespace": "ns"}}
    for answer in (json.dumps(pod, separators=(",", ":")).encode(), protobuf.encode(pod)):
        assert of_new(answer)["objectRef"]["name"] == "a-1"
    assert of_new(b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a-1\n")["objectRef"]["name"]
    assert "name" not in of_new(protobuf.encode(pod)[:12])["objectRef"]


def test_a_refusal_says_why_in_protobuf_too() -> None:
    status = conflict("pods", "a-1", "changed").status()
    found = of_new(protobuf.encode(status), 409)
    assert found["responseStatus"]["reason"] == "Conflict"
    assert found["objectRef"]["name"] == "a-1"


@given(st.binary(max_size=60))
def test_any_bytes_may_be_answered(body: bytes) -> None:
    of_new(b"k8s\0" + body)
    of_new(b"k8s\0" + body, 409)


def of_pods(name: str = "", **more: str) -> RequestInfo:
    return RequestInfo("get", "/x", {}, True, "", "v1", "ns", "pods", name, **more)


def test_an_event_has_its_fields_in_the_order_of_the_api() -> None:
    request = Request(
        *("GET", "/api/v1/namespaces/ns/pods/a", "pretty=1", {"user-agent": "kubectl/1.36"}),
        **{"user": ADA, "remote": "10.0.0.1", "decision": "allow", "reason": "because"},
    )
    event = told(request, of_pods("a", subresource="status"))
    assert list(event.items()) == [
        ("kind", "Event"),
        ("apiVersion", "audit.k8s.io/v1"),
        ("level", "Metadata"),
        ("auditID", "id"),
        ("stage", "ResponseComplete"),
        ("requestURI", "/api/v1/namespaces/ns/pods/a?pretty=1"),
        ("verb", "get"),
        (
            "user",
            {
                "username": "ada",
                "uid": "1",
                "groups": ["devs"],
                "extra": {"team": ["a", "b"]},
            },
        ),
        ("sourceIPs", ["10.0.0.1"]),
        ("userAgent", "kubectl/1.36"),
        (
            "objectRef",
            {
                "resource": "pods",
                "namespace": "ns",
                "name": "a",
                "apiVersion": "v1",
                "subresource": "status",
            },
        ),
        ("responseStatus", {"metadata": {}, "code": 200}),
        *TIMES.items(),
        (
            "annotations",
            {
                "authorization.k8s.io/decision": "allow",
                "authorization.k8s.io/reason": "because",
            },
        ),
    ]


def test_who_acts_as_another_is_told_as_both() -> None:
    request = Request("GET", "/x", "", {}, user=User("bob"), impersonator=ADA)
    event = told(request, of_pods())
    assert event["user"]["username"] == "ada"
    assert event["impersonatedUser"] == {"username": "bob"}


def test_the_same_user_from_elsewhere_is_told_from_there() -> None:
    found = [
        told(Request("GET", "/x", "", headers, user=ADA, remote=remote), of_pods())
        for headers, remote in (
            ({"user-agent": "a"}, "10.0.0.1"),
            ({"user-agent": "b"}, "10.0.0.1"),
            ({"user-agent": "b"}, "10.0.0.2"),
            ({"user-agent": "b", "x-forwarded-for": "1.1.1.1, 2.2.2.2"}, "10.0.0.2"),
            ({"user-agent": "b", "x-real-ip": "3.3.3.3"}, "10.0.0.2"),
        )
    ]
    assert [(e["userAgent"], e["sourceIPs"]) for e in found] == [
        ("a", ["10.0.0.1"]),
        ("b", ["10.0.0.1"]),
        ("b", ["10.0.0.2"]),
        ("b", ["1.1.1.1", "2.2.2.2", "10.0.0.2"]),
        ("b", ["3.3.3.3", "10.0.0.2"]),
    ]


def test_what_was_refused_says_why() -> None:
    status = {
        **{"kind": "Status", "status": "Failure", "message": 'no "x"', "reason": "NotFound"},
        "details": {"name": "a"},
    }
    request = Request("GET", "/x", "", {}, user=ADA, decision="allow")
    event = told(request, of_pods("a"), 404, answer=json.dumps(status).encode())
    assert event["responseStatus"] == {
        **{"metadata": {}, "status": "Failure", "message": 'no "x"', "reason": "NotFound"},
        **{"details": {"name": "a"}, "code": 404},
    }


def test_bodies_are_told_at_their_levels() -> None:
    body, answer = b'{"a":1}', b'{"b":[2]}'
    request = Request("PUT", "/x", "", {"content-type": "application/json"}, body, user=ADA)
    found = [
        told(request, of_pods("a"), level=level, answer=answer)
        for level in (Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE)
    ]
    assert [("requestObject" in e, "responseObject" in e) for e in found] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    assert (found[2]["requestObject"], found[2]["responseObject"]) == ({"a": 1}, {"b": [2]})


def test_a_request_that_just_came_has_no_answer_yet() -> None:
    request = Request("GET", "/x", "", {}, user=ADA, decision="allow")
    event = told(request, of_pods(), 0, stage="RequestReceived")
    assert "responseStatus" not in event
    assert "annotations" not in event


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(texts, texts, texts, texts, texts, st.dictionaries(texts, texts, max_size=2))
def test_whatever_clients_say_stays_within_its_field(
    path: str, name: str, namespace: str, agent: str, audit_id: str, noted: dict[str, str]
) -> None:
    request = Request(
        *("GET", path, "", {"user-agent": agent}),
        **{"user": User(name), "decision": "allow", "annotations": noted, "reason": agent},
    )
    event = told(request, of_pods(name), audit_id=audit_id)
    info = RequestInfo("get", "/x", {}, True, namespace, "v1", namespace, agent, name)
    other = told(request, info)
    assert event["requestURI"] == path
    assert event["user"] == {"username": name}
    assert event["auditID"] == audit_id
    assert event.get("userAgent", "") == agent
    assert other["objectRef"].get("name", "") == name
    assert other["objectRef"]["resource"] == agent
    assert other["objectRef"].get("namespace", "") == namespace
    assert event["annotations"] == {
        "authorization.k8s.io/decision": "allow",
        "authorization.k8s.io/reason": agent,
        **noted,
    }
