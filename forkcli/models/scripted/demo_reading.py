"""What the script of the demo reads in a request: calls and their results, runs of tests, reports of forks.

Pure. Invariant: nothing is inferred that the text does not show; what cannot be read is `None` or empty.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.messages import Json, calls_of
from forkcli.models.scripted.script import blocks_of, result_text

_LINES = re.MULTILINE | re.DOTALL
_REPORT = re.compile(r'^<report from="(\w+)" status="([^"]*)"(?: files="([^"]*)")?>\n(.*?)\n</report>$', _LINES)
_SHARE = re.compile(r"(\d+(?:\.\d+)?%) of its first request")
_TASK = re.compile(r"\AYou are (\w+) now, a fork of .*?^Your task, \1:\n(.*)\Z", _LINES)
_MARKER = re.compile(r"\s*<checkpoint [^>]*/>\s*\Z")


@dataclass(frozen=True, slots=True)
class Done:
    """A call of a tool and what came of it."""

    name: str
    arguments: Json
    result: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the output of `unittest` shows. `passed` is None when it shows no outcome."""

    passed: bool | None
    count: int = 0
    failed: tuple[str, ...] = ()
    reason: str = ""

    @property
    def names(self) -> str:
        """The tests that failed, in words."""
        return listed(self.failed) or "a test"


@dataclass(frozen=True, slots=True)
class ForkReport:
    """One fork's report, as its parent gets it."""

    agent: str
    status: str
    share: str  # of its first request that came from the cache, in percent; may be empty
    files: str  # what became of its files: merged, conflict, …; empty if it had none of its own
    paths: tuple[str, ...]
    where: str  # the folder of the versions in conflict
    text: str


def done_in(messages: Sequence[Json]) -> list[Done]:
    """The calls made in these messages, in order."""
    blocks = [b for m in messages for b in blocks_of(m["content"])]
    results = {b["tool_use_id"]: b for b in blocks if b.get("type") == "tool_result"}
    pairs = ((c, results.get(c["id"], {})) for c in calls_of(blocks))
    return [Done(c["name"], c["input"], result_text(r), bool(r.get("is_error"))) for c, r in pairs]


def task_in(fork_result: str) -> str | None:
    """The task of the fork to which this result of a `fork` call was given; None in its parent."""
    told = _TASK.match(fork_result)
    return _MARKER.sub("", told[2]).strip() if told else None


def read_test_run(output: str) -> Outcome:
    """The outcome in the output of `python3 -m unittest`."""
    ran = re.search(r"^Ran (\d+) tests?\b", output, re.MULTILINE)
    if ran is None:
        return Outcome(None)
    failed = tuple(re.findall(r"^(?:FAIL|ERROR): (\S+)", output, re.MULTILINE))
    reason = re.search(r"^\w*Error: (.+)$", output, re.MULTILINE)
    if re.search(r"^FAILED\b", output, re.MULTILINE) or failed:
        return Outcome(False, int(ran[1]), failed, reason[1] if reason else "")
    passed = True if int(ran[1]) and re.search(r"^OK\b", output, re.MULTILINE) else None
    return Outcome(passed, int(ran[1]))


def read_reports(fork_result: str) -> list[ForkReport]:
    """The reports in the result of a `fork` call, in the order of the tasks."""
    return [_report(*found.groups(default="")) for found in _REPORT.finditer(fork_result)]


def _report(agent: str, status: str, files: str, text: str) -> ForkReport:
    share = _SHARE.search(status)
    kind, _, rest = files.partition(": ")
    named, _, tail = rest.partition("; ")
    where = tail.partition("the versions lie in ")[2]
    paths = tuple(named.split())
    return ForkReport(agent, status.partition(",")[0], share[1] if share else "", kind, paths, where, text)


def listed(words: Sequence[str]) -> str:
    """`a`, `b` and `c`, as code."""
    code = [f"`{word}`" for word in words]
    return " and ".join([", ".join(code[:-1]), code[-1]]) if len(code) > 1 else "".join(code)


def quote(text: str) -> str:
    """The first lines of a text, quoted."""
    lines = text.strip().splitlines()[:12] or ["(nothing)"]
    return "\n".join(f"> {line}" for line in lines)


def no_outcome(last: Done) -> str:
    """What is to be said of a run of tests that shows nothing."""
    return f"I cannot say whether the tests pass: the command's result shows no outcome.\n\n{quote(last.result)}"
