"""The first half of the demo's script: the bug is found, fixed, and the tests are run again. Pure."""

from collections.abc import Sequence

from forkcli.core.messages import Block
from forkcli.models.scripted.demo_reading import Done, Outcome, no_outcome, quote, read_test_run
from forkcli.models.scripted.demo_wishes import MONEY, MONEY_TESTS, TESTS
from forkcli.models.scripted.script import call, say, think

FILE = "tally/split.py"
CAUSE = (
    f"**The bug:** `split` in `{FILE}` rounded every share down; of 10.00 for three people, one cent was lost. "
    "The cents left over now go to the largest remainders."
)
_READ = ("AGENTS.md", "WISHES.md", FILE, "tests/test_split.py", MONEY, MONEY_TESTS)
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
    "I begin with the project's notes, the code and its tests, all at once."
)


def fixing(done: Sequence[Done]) -> list[Block] | None:
    """The next answer on the way to the fix; None when the tests have been run after it."""
    if not done:
        return [say(_HELLO), *(call("read", path=path) for path in _READ)]
    last = done[-1]
    if last.name == "read":
        return [say("Now I let the tests say what is wrong."), call("bash", command=TESTS)]
    if last.name == "edit":
        return _after_edit(last)
    if any(one.name == "edit" for one in done):
        return None
    return _fix(read_test_run(last.result), last, next((d for d in done if d.arguments.get("path") == FILE), None))


def not_fixed(run: Outcome, last: Done) -> str:
    """What to say when the tests do not pass after the fix."""
    if run.passed is None:
        return no_outcome(last)
    return f"It is **not fixed**: of {run.count} tests, {run.names} still fails after my edit of `{FILE}`."


def _fix(run: Outcome, last: Done, read: Done | None) -> list[Block]:
    if run.passed:
        return [say(f"All {run.count} tests pass: there is nothing to fix. Somebody was faster than this script.")]
    if run.passed is None:
        return [say(no_outcome(last))]
    if read is None or _BUG.strip() not in read.result:
        return [say(f"A test fails, but `{FILE}` is not the file that this script was written for. I stop here.")]
    reason = f" (`{run.reason}`)" if run.reason else ""
    return [
        think(
            "Each share is rounded down on its own, so up to one cent for each person is lost. The leftover cents have "
            "to go somewhere fair: to the largest remainders. No floats, AGENTS.md says."
        ),
        say(
            f"{run.names} fails{reason}. `split` rounds every share down and forgets the cents that are left over. "
            "They belong to the shares with the largest remainders."
        ),
        call("edit", path=FILE, old_str=_BUG, new_str=_FIX),
    ]


def _after_edit(last: Done) -> list[Block]:
    if last.is_error:
        return [say(f"The edit was not made, so nothing is fixed:\n\n{quote(last.result)}")]
    return [say("The same tests again."), call("bash", command=TESTS)]
