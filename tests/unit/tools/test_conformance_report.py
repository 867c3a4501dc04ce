"""What the conformance run says at its end."""

import json
from typing import Any

from tools.conformance_report import reasons, summary


def spec(group: str, text: str, state: str, message: str = "") -> dict[str, Any]:
    return {
        "LeafNodeType": "It",
        "ContainerHierarchyTexts": [f"[sig-{group}] Things"],
        "LeafNodeText": text,
        "State": state,
        **({"Failure": {"Message": message}} if message else {}),
    }


def test_reasons_are_the_comments_above_the_patterns() -> None:
    text = "# A file.\n\n# It runs\n# in a pod.\nWebhook\nAPI.*server\n# Traffic.\nDNS\n"
    assert reasons(text) == {
        "Webhook": "It runs in a pod.",
        "API.*server": "It runs in a pod.",
        "DNS": "Traffic.",
    }
    assert reasons("# Nothing is out of reach.\n") == {}


def test_each_wanted_test_is_said_once_with_its_reason() -> None:
    report = [
        {
            "SpecReports": [
                {"LeafNodeType": "BeforeSuite", "LeafNodeText": "", "State": "passed"}
                | {"ContainerHierarchyTexts": None},
                spec("cli", "runs [Conformance]", "passed"),
                spec("cli", "breaks [Conformance]", "failed", "no\n  such thing"),
                spec("auth", "asks a Webhook [Conformance]", "skipped"),
                spec("auth", "needs two nodes [Conformance]", "skipped", "Requires two"),
                spec("auth", "is not asked for", "skipped"),
            ]
        }
    ]
    told = summary(json.dumps(report).encode(), r"\[Conformance\]", {"Webhook": "In a pod."})
    assert told.splitlines() == [
        "[sig-auth] 2 out of reach",
        "[sig-cli] 1 failed, 1 passed",
        "",
        "Passed:",
        "  [sig-cli] Things runs [Conformance]",
        "",
        "Out of reach: In a pod.",
        "  [sig-auth] Things asks a Webhook [Conformance]",
        "",
        "Out of reach: Requires two",
        "  [sig-auth] Things needs two nodes [Conformance]",
        "",
        "Failed:",
        "  [sig-cli] Things breaks [Conformance]",
        "    no such thing",
    ]
