"""What is told when a fork's first request was not read from the cache, and what siblings wait for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from core.build import answer, entries, prompt, result, seal, tool_use

from forkcli.core.entries import Body, Child, Entry, Fork, Usage
from forkcli.core.forking import opening
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.sharing import asleep_s, cache_alarm, fork_pins, fresh_tokens

AT = "2026-11-22T09:{minute:02d}:00.000Z"
WRITTEN = Usage(4, 50, 0, 90_000)


def parent(usage: Usage = WRITTEN) -> History:
    call = answer(tool_use("read_1", "read"), tool_use("fork_1", "fork"), usage=usage)
    return History.of(entries([prompt(), seal(), replace(call, ms=20_000), result("read_1", "x" * 8000)]))


def fork(above: History, usage: Usage, minute: int = 26, name: str = "f1") -> History:
    seq = above.entries[-1].seq
    order = Fork((Child(AgentId(name), "look"),), seq, CallId("fork_1"))
    past = above.forked(seq)
    opened = opening(above, past, order, order.children[0], "told")
    below = past.branch()
    bodies: list[Body] = [opened.line_one, *opened.answers, seal(9), answer("found", usage=usage)]
    for n, body in enumerate(bodies, seq + 1):
        below.add(Entry(Seq(n), AT.format(minute=minute), body))
    return below


def test_a_fork_that_was_read_from_the_cache_raises_no_alarm() -> None:
    assert cache_alarm(fork(parent(), Usage(300, 5, 90_004, 100))) is None
    assert cache_alarm(fork(parent(), Usage(300, 5, 89_700, 100))) is None  # a rounding of the endpoint's


@pytest.mark.parametrize(
    ("before", "minute", "why"),
    [
        (WRITTEN, 26, "the endpoint had not kept them"),
        (WRITTEN, 45, "they were last sent 20 minutes before, and it forgets them after five"),
        (Usage(90_004, 50), 26, "the endpoint keeps no cache, or does not say so"),
    ],
)
def test_a_low_share_is_told_with_the_reason(before: Usage, minute: int, why: str) -> None:
    told = cache_alarm(fork(parent(before), Usage(300, 5, 2_000, 88_000), minute))
    assert told == f"only 2,000 of the 90,004 tokens that it shares were read from the cache: {why}"


def test_only_the_first_answer_of_a_fork_is_looked_at() -> None:
    below = fork(parent(), Usage(90_000, 5))
    assert cache_alarm(below) is not None
    below.add(Entry(Seq(30), AT.format(minute=27), answer("more", usage=Usage(90_000, 5))))
    assert cache_alarm(below) is None
    assert cache_alarm(parent()) is None


def test_the_past_sleeps_from_the_time_its_newest_request_left() -> None:
    above = parent()
    assert asleep_s(above, datetime(2026, 11, 22, 9, 30, tzinfo=UTC)) == 320
    assert asleep_s(History(), datetime(2026, 11, 22, 9, 30, tzinfo=UTC)) == 0


def test_what_no_request_has_held_is_the_newest_answer_and_the_results_since() -> None:
    assert 2050 <= fresh_tokens(parent()) <= 2080
    assert fresh_tokens(History()) < 5


def test_the_marks_stand_on_what_a_fork_shares_with_its_siblings_and_on_what_its_parent_does() -> None:
    above = parent()
    one = fork(above, Usage(1, 1))
    assert fork_pins(above) == ()
    assert fork_pins(one) == ((2, 0),)
    one.add(Entry(Seq(40), AT.format(minute=28), replace(prompt("go on"), text="go on")))
    one.add(Entry(Seq(41), AT.format(minute=28), seal(41)))
    one.add(Entry(Seq(42), AT.format(minute=28), answer(tool_use("fork_1", "fork"))))
    two = fork(one, Usage(1, 1), name="f2")
    assert fork_pins(two)[0] == (5, -1)
    assert fork_pins(two)[1] == (2, 0)
