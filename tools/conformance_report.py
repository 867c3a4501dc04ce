"""What a run of Kubernetes' end-to-end suite says: its JSON report as text for people."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

_GROUP = re.compile(r"\[sig-[a-z-]+\]")
_FAILED = {"failed", "panicked", "interrupted", "aborted", "timedout"}
_LONGEST = 300


def reasons(text: str) -> dict[str, str]:
    """The regular expressions of an out-of-reach file, each with the comment above it."""
    found: dict[str, str] = {}
    reason, in_comment = "", False
    for line in text.splitlines():
        if line.startswith("#"):
            words = line.lstrip("# ")
            reason = f"{reason} {words}" if in_comment else words
        elif line:
            found[line] = reason
        in_comment = line.startswith("#")
    return found


def _name(spec: Mapping[str, Any]) -> str:
    return " ".join([*(spec["ContainerHierarchyTexts"] or ()), spec["LeafNodeText"]])


def summary(report: bytes, focus: str, left_out: Mapping[str, str]) -> str:
    """How many tests of each group passed, failed and were out of reach; which, and why."""
    wanted = re.compile(focus)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    failed: list[str] = []
    out_of_reach: defaultdict[str, list[str]] = defaultdict(list)
    passed: list[str] = []
    for spec in (spec for suite in json.loads(report) for spec in suite["SpecReports"]):
        name = _name(spec)
        group = _GROUP.search(name)
        if spec["LeafNodeType"] != "It" or group is None or not wanted.search(name):
            continue
        why = next((why for left, why in left_out.items() if re.search(left, name)), None)
        if spec["State"] == "passed":
            verdict = "passed"
            passed.append(name)
        elif spec["State"] in _FAILED:
            verdict = "failed"
            message = " ".join(spec["Failure"]["Message"].split())
            failed.append(f"{name}\n    {message[:_LONGEST]}")
        else:
            verdict = "out of reach"
            told = " ".join(spec.get("Failure", {}).get("Message", "not run").split())
            out_of_reach[why if why is not None else told[:_LONGEST]].append(name)
        counts[group[0]][verdict] += 1
    lines = [
        f"{group} {', '.join(f'{number} {verdict}' for verdict, number in sorted(tally.items()))}"
        for group, tally in sorted(counts.items())
    ]
    lines += ["", "Passed:", *(f"  {name}" for name in sorted(passed))]
    for why, names in sorted(out_of_reach.items()):
        lines += ["", f"Out of reach: {why}", *(f"  {name}" for name in sorted(names))]
    if failed:
        lines += ["", "Failed:", *(f"  {name}" for name in sorted(failed))]
    return "\n".join(lines) + "\n"
