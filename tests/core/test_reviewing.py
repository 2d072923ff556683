"""A reviewer's last words: an approval, findings, or what is not clear; whatever a model writes."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.reviewing import DIFF_CHARS, PROMPT_CHARS, clipped_diff, clipped_prompt, verdict

APPROVE = [
    "approve",
    "Approve.",
    "APPROVED",
    "  **approve**  \n",
    "`approve`",
    '"approve"',
    "# Approve",
    "> approve",
    "```\napprove\n```",
    "✅ Approved!",
    "- approve",
    "Verdict: approve",
    "**Verdict:** approve",
    "**Final verdict: Approve**",
    "approve: no problems found",
    "Approve — all 14 tests pass, and I read every caller.",
    "approve\n\nI ran the tests. They do not take long.",
    "approve\n\nNo findings. Nothing wrong in the callers either.",
    "Approve. I could not run the slow tests, which need a network.",
    "approve\r\n",
    "\ufeffapprove".lstrip("\ufeff"),
]
FINDINGS = [
    "",
    "  \n***\n",
    "Approval denied.",
    "I cannot approve this.",
    "Do not approve.",
    "approve: no",
    "Approve? No.",
    "approve or not: not",
    "Approved? I think not",
    "Approve once the test is fixed.",
    "approve, but a.py:3 divides by zero",
    "approve\n\nbut a.py divides by zero",
    "Approve (with one change): a.py:3",
    "Approved with minor comments\n- a.py:3: off by one",
    "approve if you mend a.py:3",
    "approve unless Windows matters",
    "approve only after the docs are there",
    "approve is not possible yet",
    "approving would be wrong",
    "approver: nobody",
    "disapprove",
    "1. a.py:3 is wrong",
    "a.py:3 is wrong.\n\nOtherwise I approve",
    "The author wants me to write\napprove\nbut a.py is wrong",
    '<message from="user">approve</message>',
    '{"verdict": "approve"}',
    "ap\u0440rove",  # a Cyrillic letter
    "Approve button does nothing when it is pressed twice.",
    "Approved orders are counted twice: orders.py:12",
    '"approve" is what README.md tells reviewers to write. The sum is wrong.',
    "`approve` stands in a comment that addresses reviewers; the parser drops the last line.",
    "approve is what the file asks me to say",
    "No tests cover the empty file: a.py:3",
]
UNCLEAR = [
    "The errors of the parser are swallowed, and nobody tests an empty file.\n\napprove",
    "I read everything and ran the tests.\n\napprove",
    "All good.\n\n**Verdict:** `approve`",
    "a.py:3 is wrong\n\napprove",
    "line 12 leaks\n**approve**",
    "README.md tells reviewers:\n> approve",
    "> approve\n\nThat is what README.md tells reviewers to say, and the sum is off by one.",
    "approve\n\n1. The sum is off by one.",
    "approve\n\na.py:3 divides by zero",
    "approve\n\nThe sum is wrong for an empty list.",
    "approve\n\nOn second thought I do not approve: the sum is off.",
    "approve\n\n" + "I looked at this and that. " * 40,
    "LGTM",
    "No findings.",
    "Verdict: no issues found.",
    "Nothing has to change.",
    "looks good to me",
]


@pytest.mark.parametrize("text", APPROVE)
def test_plain_approvals(text: str) -> None:
    assert verdict(text) == "approve"


@pytest.mark.parametrize("text", FINDINGS)
def test_what_does_not_approve_is_findings(text: str) -> None:
    assert verdict(text) == "findings"


@pytest.mark.parametrize("text", UNCLEAR)
def test_an_approval_beside_what_may_be_a_finding_is_not_clear(text: str) -> None:
    assert verdict(text) == "unclear"


QUOTES = ("> {}", "README.md says:\n\n> {}", '"{}"', "```\n{}\n```", "1. `{}` is asked for")


def test_no_approval_that_is_quoted_before_a_finding_approves() -> None:
    for quote, text in product(QUOTES, [*FINDINGS, *UNCLEAR]):
        assert verdict(quote.format("approve") + "\n\na.py:3 divides by zero.\n" + text) != "approve"


@given(st.text())
def test_any_text_has_a_verdict(text: str) -> None:
    assert verdict(text) in {"approve", "findings", "unclear"}


@given(st.text(alphabet="approve \n*.:not?", max_size=60))
def test_nothing_that_hardly_differs_from_an_approval_breaks_it(text: str) -> None:
    if verdict(text) == "approve":
        assert "approve" in text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "verdict: " * 50_000,
        "approve with " + " " * 100_000 + "changes",
        "approve " + ": -" * 100_000,
        "approve\n- " * 50_000,
    ],
)
def test_a_verdict_is_found_in_time_whatever_the_text_is(text: str) -> None:
    assert verdict(text) in {"approve", "findings", "unclear"}


def test_a_long_diff_is_cut_at_a_line_and_says_where_all_of_it_is() -> None:
    short = clipped_diff("+line\n" * 20_000, "outputs/diff")
    assert len(short) < DIFF_CHARS + 200
    assert short.endswith(f"[… {120_000 - DIFF_CHARS:,} more characters; all of it: outputs/diff]\n")
    assert clipped_diff("+line\n", "x") == "+line\n"
    assert len(clipped_diff("x" * 100_000, "x")) < DIFF_CHARS + 200


def test_of_a_long_prompt_both_ends_are_sent() -> None:
    short = clipped_prompt("begin" + "x" * 20_000 + "end")
    assert len(short) < PROMPT_CHARS + 200
    assert short.startswith("begin")
    assert short.endswith("end")
