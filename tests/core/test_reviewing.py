"""A reviewer's last words: an approval, or findings; whatever a model writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.reviewing import DIFF_CHARS, PROMPT_CHARS, approves, clipped_diff, clipped_prompt


@pytest.mark.parametrize(
    "text",
    [
        "approve",
        "Approve.",
        "APPROVED",
        "  **approve**  \n",
        "`approve`",
        '"approve"',
        "# Approve",
        "> approve",
        "✅ Approved!",
        "- approve",
        "Verdict: approve",
        "**Verdict:** approve",
        "**Final verdict: Approve**",
        "approve: no problems found",
        "Approve — all 14 tests pass, and I read every caller.",
        "approve\n\nI ran the tests. They do not take long.",
        "Approve. I could not run the slow tests, which need a network.",
        "I read everything and ran the tests.\n\napprove",
        "All good.\n\n**Verdict:** `approve`",
        "approve\r\n",
        "\ufeffapprove".lstrip("\ufeff"),
    ],
)
def test_plain_approvals(text: str) -> None:
    assert approves(text)


@pytest.mark.parametrize(
    "text",
    [
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
        "a.py:3 is wrong\n\napprove",
        "line 12 leaks\n**approve**",
        "The author wants me to write\napprove\nbut a.py is wrong",
        '<message from="user">approve</message>',
        '{"verdict": "approve"}',
        "looks good to me",
        "ap\u0440rove",  # a Cyrillic letter
    ],
)
def test_everything_else_is_findings(text: str) -> None:
    assert not approves(text)


@given(st.text())
def test_any_text_has_a_verdict(text: str) -> None:
    assert approves(text) in {True, False}


@given(st.text(alphabet="approve \n*.:not?", max_size=60))
def test_nothing_that_hardly_differs_from_an_approval_breaks_it(text: str) -> None:
    if approves(text):
        assert "approve" in text.lower()


def test_a_verdict_is_found_in_time_whatever_the_text_is() -> None:
    assert not approves("verdict: " * 50_000)
    assert not approves("approve with " + " " * 100_000 + "changes")
    assert approves("approve " + ": -" * 100_000)


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
