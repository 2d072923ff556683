"""The script of `fork demo`: it plays a model that finds and fixes the bug of the demo's project.

It keeps no state: what it answers follows from the request alone, so an interrupted demo can be resumed. It reads the
real results of the tools and claims nothing that they do not show.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from forkcli.core.messages import Block, Json, calls_of, text_of
from forkcli.models.scripted.demo_project import make_project
from forkcli.models.scripted.script import Reply, blocks_of, call, result_text, say, think

__all__ = ["DEMO_COMMANDS", "DEMO_PROMPT", "demo_script", "make_project"]

DEMO_PROMPT = "A test of this project fails. Find out why, fix the bug, and show that the tests pass."
TOKENS_PER_S = 120.0

_FILE = "tally/split.py"
_TESTS = "python3 -m unittest"
DEMO_COMMANDS = frozenset({_TESTS})  # all that the script ever runs
_BUG = "    return [cents * weight // whole for weight in weights]\n"
_FIX = """    shares = [cents * weight // whole for weight in weights]
    # Rounding down leaves a few cents over: they go to the largest remainders.
    order = sorted(range(len(weights)), key=lambda i: -(cents * weights[i] % whole))
    for i in order[: cents - sum(shares)]:
        shares[i] += 1
    return shares
"""
_HELLO = (
    "**I am a script, not a model**: my words were written beforehand. "
    "The tools, the files and the results are real.\n\n"
    "I begin with the project's notes, the code and its test, all at once."
)
_AFTERWORD = (
    "I am a script and have nothing to say beyond the demo. To work with a model, set `ANTHROPIC_API_KEY`, or point "
    "`--base-url` at a local server that speaks the Messages API."
)


@dataclass(frozen=True, slots=True)
class _Done:
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


def demo_script() -> Callable[[Json], Reply]:
    """The script, for a `ScriptedServer`."""
    return lambda request: Reply(_next(request), tokens_per_s=TOKENS_PER_S, chunk_chars=12)


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


def _next(request: Json) -> list[Block]:
    """The next answer, from all that was done since the demo's prompt."""
    messages: list[Json] = request["messages"]
    start = max((i for i, m in enumerate(messages) if _asks(m)), default=None)
    if start is None or _is_over(messages[start + 1 :]):
        return [say(_AFTERWORD)]
    done = _done(messages[start:])
    if not done:
        return [
            say(_HELLO),
            call("read", path="AGENTS.md"),
            call("read", path=_FILE),
            call("read", path="tests/test_split.py"),
        ]
    last = done[-1]
    edits = [d for d in done if d.name == "edit"]
    if last.name == "read":
        return [say("Now I let the tests say what is wrong."), call("bash", command=_TESTS)]
    if last.name == "bash" and not edits:
        return _fix(read_test_run(last.result), last, next((d for d in done if d.arguments.get("path") == _FILE), None))
    if last.name == "edit":
        return _after_edit(last)
    return [say(_conclusion(read_test_run(last.result), last))]


def _asks(message: Json) -> bool:
    return message["role"] == "user" and DEMO_PROMPT in text_of(blocks_of(message["content"]))


def _is_over(messages: list[Json]) -> bool:
    """Whether the script has concluded: its last message called no tool."""
    spoken = [m for m in messages if m["role"] == "assistant"]
    return bool(spoken) and not calls_of(blocks_of(spoken[-1]["content"]))


def _done(messages: list[Json]) -> list[_Done]:
    blocks = [b for m in messages for b in blocks_of(m["content"])]
    results = {b["tool_use_id"]: b for b in blocks if b.get("type") == "tool_result"}
    pairs = ((c, results.get(c["id"], {})) for c in calls_of(blocks))
    return [_Done(c["name"], c["input"], result_text(r), bool(r.get("is_error"))) for c, r in pairs]


def _fix(run: Outcome, last: _Done, read: _Done | None) -> list[Block]:
    if run.passed:
        return [say(f"All {run.count} tests pass: there is nothing to fix. Somebody was faster than this script.")]
    if run.passed is None:
        return [say(_no_outcome(last))]
    if read is None or _BUG.strip() not in read.result:
        return [say(f"A test fails, but `{_FILE}` is not the file that this script was written for. I stop here.")]
    names = ", ".join(f"`{name}`" for name in run.failed)
    reason = f" (`{run.reason}`)" if run.reason else ""
    return [
        think(
            "Each share is rounded down on its own, so up to one cent for each person is lost. The leftover cents have "
            "to go somewhere fair: to the largest remainders. No floats, AGENTS.md says."
        ),
        say(
            f"{names} fails{reason}. `split` rounds every share down and forgets the cents that are left over. "
            "They belong to the shares with the largest remainders."
        ),
        call("edit", path=_FILE, old_str=_BUG, new_str=_FIX),
    ]


def _after_edit(last: _Done) -> list[Block]:
    if last.is_error:
        return [say(f"The edit was not made, so nothing is fixed:\n\n{_quote(last.result)}")]
    return [say("The same tests again."), call("bash", command=_TESTS)]


def _conclusion(run: Outcome, last: _Done) -> str:
    if run.passed is None:
        return _no_outcome(last)
    if not run.passed:
        names = ", ".join(f"`{name}`" for name in run.failed) or "a test"
        return f"It is **not fixed**: of {run.count} tests, {names} still fails after my edit of `{_FILE}`."
    return (
        f"**Fixed.** All {run.count} tests pass.\n\n"
        f"- **Why it failed:** `split` in `{_FILE}` rounded every share down; "
        "of 10.00 for three people, one cent was lost.\n"
        "- **What I changed:** the cents left over go to the largest remainders, so the shares always add up.\n"
        f"- **How I know:** `{_TESTS}` failed before the edit and passes after it."
    )


def _no_outcome(last: _Done) -> str:
    return f"I cannot say whether the tests pass: the command's result shows no outcome.\n\n{_quote(last.result)}"


def _quote(text: str) -> str:
    lines = text.strip().splitlines()[:12] or ["(nothing)"]
    return "\n".join(f"> {line}" for line in lines)
