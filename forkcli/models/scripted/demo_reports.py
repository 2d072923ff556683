"""The second half of the demo's script: what its forks reported, the conflict that they left, and the end. Pure.

Invariant: what is said of a fork stands in the result of the `fork` call, or in what was done after it.
"""

from collections.abc import Sequence

from forkcli.core.messages import Block
from forkcli.models.scripted.demo_fix import CAUSE
from forkcli.models.scripted.demo_reading import Done, ForkReport, Outcome, listed, no_outcome, quote, read_reports
from forkcli.models.scripted.demo_reading import read_test_run as tests_in
from forkcli.models.scripted.demo_wishes import (
    BOTH_LINE,
    CURRENCY_LINE,
    CURRENCY_SIGNATURE,
    CURRENCY_TEST,
    MONEY,
    MONEY_TESTS,
    SIGNATURE,
    TESTS,
    THOUSANDS_LINE,
    THOUSANDS_TEST,
    WISHES,
)
from forkcli.models.scripted.script import call, say

_BOTH_TEST = CURRENCY_TEST + '        self.assertEqual(show(123456, "€"), "€1,234.56")\n'


def forking(run: Outcome) -> list[Block]:
    """The call that forks, after the fix is verified."""
    return [
        say(
            f"Fixed: all {run.count} tests pass. Now the wishes. None of the three waits for another, and each needs "
            "what I have read, so I **fork three ways**: every fork knows all that I know and gets its own copy of the "
            "files. Two of them will change `show`; should they collide, nothing is overwritten."
        ),
        call("fork", tasks=[{"task": wish.task} for wish in WISHES]),
    ]


def after_forks(fork: Done, done: Sequence[Done]) -> list[Block]:
    """The next answer after the forks have reported; `done` is what was done since."""
    reports = read_reports(fork.result)
    if fork.is_error or not reports:
        return [say(f"The bug is **fixed**, the wishes are open: no fork has reported.\n\n{quote(fork.result)}")]
    if not done:
        return _told(reports)
    if done[-1].name == "read":
        return _resolving(done)
    if done[-1].name == "edit":
        return [say(_edited(done)), call("bash", command=TESTS)]
    return [say(_conclusion(reports, done))]


def _collided(reports: Sequence[ForkReport]) -> ForkReport | None:
    """The fork of wish 3, if it is in conflict with wish 2 as this script expects."""
    if len(reports) != len(WISHES) or reports[1].files != "merged" or reports[2].files != "conflict":
        return None
    return reports[2] if set(reports[2].paths) == {MONEY, MONEY_TESTS} and reports[2].where else None


def _told(reports: Sequence[ForkReport]) -> list[Block]:
    merged = [one.agent for one in reports if one.files == "merged"]
    lost = _collided(reports)
    rest = [one.agent for one in reports if one.files != "merged"]
    words = f"{listed(merged)} {'is' if len(merged) == 1 else 'are'} merged. " if merged else ""
    if lost is None:
        words += f"Nothing of {listed(rest)} is in my files. " if rest else ""
        return [say(words + "The tests, on what I have now."), call("bash", command=TESTS)]
    theirs = f"{lost.where}/{lost.agent}"
    return [
        say(
            f"{words}`{lost.agent}` changed the same lines as `{reports[1].agent}`, in {listed(lost.paths)}: nothing "
            "of it was written, and its versions are kept. I put the two together by hand: first I read them."
        ),
        *(call("read", path=path) for path in (MONEY, f"{theirs}/{MONEY}", f"{theirs}/{MONEY_TESTS}")),
    ]


def _resolving(done: Sequence[Done]) -> list[Block]:
    ours, code, tests = (one.result for one in done[-3:])
    wanted = (
        (THOUSANDS_LINE, ours),
        (CURRENCY_LINE, code),
        (CURRENCY_SIGNATURE, code),
        (CURRENCY_TEST.splitlines()[1], tests),
    )
    if not all(line.strip() in text for line, text in wanted):
        return [
            say("These are not the versions that this script was written for, so I leave the conflict as it is."),
            call("bash", command=TESTS),
        ]
    return [
        say("Both belong into the one line: the currency in front, the thousands apart. And a test of both at once."),
        call("edit", path=MONEY, old_str=SIGNATURE, new_str=CURRENCY_SIGNATURE),
        call("edit", path=MONEY, old_str=THOUSANDS_LINE, new_str=BOTH_LINE),
        call("edit", path=MONEY_TESTS, old_str=THOUSANDS_TEST, new_str=THOUSANDS_TEST + _BOTH_TEST),
    ]


def _edited(done: Sequence[Done]) -> str:
    wrong = next((one for one in done if one.name == "edit" and one.is_error), None)
    return f"An edit was not made:\n\n{quote(wrong.result)}" if wrong else "The tests, on everything together."


def _conclusion(reports: Sequence[ForkReport], done: Sequence[Done]) -> str:
    run = tests_in(done[-1].result)
    edits = [one for one in done if one.name == "edit"]
    resolved = _collided(reports) if edits and not any(one.is_error for one in edits) else None
    granted = sum(one.files == "merged" or one is resolved for one in reports)
    lines = [CAUSE, *(_fate(one, one is resolved) for one in reports)]
    shares = [one.share for one in reports if one.share]
    if shares:
        lines.append(
            f"**The cache:** {', '.join(shares)} of the forks' first requests came from it, "
            "by the rules that my server computes with: no provider was asked."
        )
    return "\n".join([_head(run, granted, done[-1]), "", *(f"- {line}" for line in lines)])


def _head(run: Outcome, granted: int, last: Done) -> str:
    if run.passed is None:
        return no_outcome(last)
    if not run.passed:
        return f"It is **not done**: of {run.count} tests, {run.names} fails on everything together."
    if granted == len(WISHES):
        return f"**Done.** The bug is fixed, the three wishes are granted, and all {run.count} tests pass."
    wishes = f"{granted} of {len(WISHES)} wishes" if granted else "no wish"
    verb = "are" if granted > 1 else "is"
    return f"The bug is **fixed**, and {wishes} {verb} granted. All {run.count} tests pass."


def _fate(report: ForkReport, resolved: bool) -> str:
    """What became of a fork's work."""
    if report.files == "merged":
        return f"**`{report.agent}`** is merged: {listed(report.paths)}."
    if report.files == "conflict":
        end = "I put both versions together" if resolved else f"its versions lie in `{report.where}`"
        return f"**`{report.agent}`** was in conflict in {listed(report.paths)}: {end}."
    first = next((line for line in report.text.splitlines() if line.strip()), "(no report)")
    return f"**`{report.agent}`** has changed nothing here ({report.status}): {first}"
