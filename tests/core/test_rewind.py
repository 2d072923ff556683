"""Rewinding: the head goes back and nothing else does; what was sent from there on is what it would have been."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from core.build import answer, entries, prompt, result, seal, start, tool_use
from core.test_any_history import BODIES
from hypothesis import given, settings
from hypothesis import strategies as st

from forkcli.core import entries as e
from forkcli.core.decide import CallModel, Finish, RunTools, Seal, is_unfinished, next_action, unreported
from forkcli.core.forking import opening
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import text_of
from forkcli.core.rewinding import check_own, check_place, standing
from forkcli.errors import ForkError

F1 = AgentId("f1")
TURN: list[e.Body] = [
    prompt(), seal(3), answer(tool_use()), start(), result(), seal(7), answer("done"), prompt("more"), seal(10),
    answer("yes"),
]  # fmt: skip
TOLD = '<report from="f3">\nit was the test\n</report>'


def after(*bodies: e.Body) -> History:
    return History.of(entries([*TURN, *bodies]))


def raw(history: History) -> list[bytes]:
    return [message.raw for message in history.context().messages]


def test_after_a_rewind_the_context_is_that_of_the_checkpoint() -> None:
    assert raw(after(e.Rewind(Seq(7), "user"))) == raw(History.of(entries(TURN[:6])))


def test_nothing_is_erased_and_numbers_go_on() -> None:
    history = after(e.Rewind(Seq(7), "user"))
    assert [entry.seq for entry in history.entries] == list(range(1, 13))
    assert history.next_seq == 13


def test_the_report_is_a_text_of_its_own_in_the_next_message_and_the_past_is_left_as_it_was() -> None:
    history = after(e.Rewind(Seq(7), "agent", "it was the test", TOLD), seal(13))
    before = raw(History.of(entries(TURN[:6])))
    assert raw(history)[: len(before)] == before
    assert [text_of(message.content) for message in history.messages[len(before) :]] == [
        f'{TOLD}\n\n<checkpoint n="13" context="1%"/>'
    ]
    assert next_action(history) == CallModel()


def test_undoing_a_rewind_is_a_rewind_to_the_head_before_it() -> None:
    assert raw(after(e.Rewind(Seq(3), "user"), e.Rewind(Seq(11), "user"))) == raw(after())


def test_what_led_to_where_the_head_stands_is_without_what_was_left() -> None:
    history = after(e.Rewind(Seq(7), "user"), prompt("other"), e.Rewind(Seq(11), "user"))
    assert [entry.seq for entry in standing(history.entries)] == [*range(1, 12), 14]
    assert [entry.seq for entry in standing(after(e.Rewind(Seq(0), "fork")).entries)] == [12]
    assert standing([]) == []


def test_damaged_numbers_do_not_lead_in_a_circle() -> None:
    twice = [
        e.Entry(Seq(2), "", prompt()),
        e.Entry(Seq(2), "", prompt()),
        e.Entry(Seq(1), "", e.Rewind(Seq(9), "user")),
    ]
    assert len(standing(twice)) <= 3


def test_a_rewind_reaches_across_rewinds() -> None:
    history = after(e.Rewind(Seq(7), "agent", "r", TOLD), seal(13), answer("so"), e.Rewind(Seq(3), "user"))
    assert raw(history) == raw(History.of(entries(TURN[:2])))
    again = after(e.Rewind(Seq(7), "agent", "r", TOLD), seal(13), answer("so"), e.Rewind(Seq(3), "user"))
    again.add(e.Entry(Seq(16), "", e.Rewind(Seq(14), "user")))
    assert raw(again) == raw(after(e.Rewind(Seq(7), "agent", "r", TOLD), seal(13), answer("so")))


def test_calls_that_were_open_where_one_lands_are_answered_and_never_run() -> None:
    bodies = [*TURN, prompt(), seal(13), answer(tool_use("rewind_1", "rewind"))]
    history = History.of(entries([*bodies, e.Rewind(Seq(3), "agent", "r", TOLD), seal(16), answer("so")]))
    history.add(e.Entry(Seq(18), "", e.Rewind(Seq(14), "user")))
    assert not history.open_calls
    assert not isinstance(next_action(history), RunTools)


def test_the_same_call_id_may_come_again_after_a_rewind() -> None:
    history = after(e.Rewind(Seq(3), "user"), answer(tool_use()))
    assert list(history.calls) == [CallId("toolu_1")]


def test_what_was_spent_counts_on_and_what_may_be_touched_does_not_grow_back() -> None:
    history = after(e.AccessChange("read", net=False), e.Rewind(Seq(7), "user"))
    assert (history.steps, history.access) == (3, "read")
    history.add(e.Entry(history.next_seq, "", prompt("go on")))
    history.add(e.Entry(history.next_seq, "", seal(15)))
    assert "access read" in text_of(history.messages[-1].content)


@pytest.mark.parametrize("to", [12, 13, 99])
def test_a_rewind_to_what_is_not_there_yet_is_ignored(to: int) -> None:
    assert raw(after(e.Rewind(Seq(to), "user"))) == raw(after())


def test_what_is_told_goes_along_where_one_lands_at_a_message_without_an_answer() -> None:
    history = after(e.Rewind(Seq(7), "user", told="calc.py is another one", asks=False))
    assert next_action(history) == Seal()
    history.add(e.Entry(history.next_seq, "", seal(13)))
    assert "calc.py is another one" in text_of(history.messages[-1].content)
    assert next_action(history) == CallModel()


def test_a_report_that_waits_ends_the_turn_and_goes_with_the_next_prompt() -> None:
    history = after(e.Rewind(Seq(3), "user", "it was the test", TOLD, asks=False))
    assert next_action(history) == Finish("done")
    assert not is_unfinished(history)
    for body in (prompt("and now?"), seal(14)):
        history.add(e.Entry(history.next_seq, "", body))
    assert [text_of([block]).split("\n")[0] for block in history.messages[-1].content] == [
        TOLD.split("\n", maxsplit=1)[0],
        "and now?",
    ]
    assert next_action(history) == CallModel()


def test_an_empty_context_begins_with_what_is_told() -> None:
    history = after(e.Rewind(Seq(0), "fork", "", "Your task: mend it."), seal(13))
    assert [text_of(message.content) for message in history.messages] == [
        'Your task: mend it.\n\n<checkpoint n="13" context="1%"/>'
    ]


@pytest.mark.parametrize(
    ("history", "to", "sentence"),
    [
        (after(), 0, "main has no entry 0"),
        (after(), 99, "main has no entry 99"),
        (after(e.Rewind(Seq(0), "fork")), 0, "main has no entry 0"),
    ],
)
def test_a_place_that_is_none_is_refused_with_the_checkpoints_that_there_are(
    history: History, to: int, sentence: str
) -> None:
    with pytest.raises(ForkError) as refusal:
        check_place(history, Seq(to))
    assert (refusal.value.sentence, *refusal.value.hints) == (sentence, "its checkpoints: 3, 7, 10")


def test_every_entry_of_ones_own_is_a_place() -> None:
    for entry in after().entries:
        check_place(after(), entry.seq)


def gone_back(times: int, *then: e.Body) -> History:
    """So often to checkpoint 7 by itself, each time after a step of work; then one more step."""
    bodies = list(TURN[:6])

    def work(name: str) -> None:
        bodies.extend([answer(tool_use(name)), start(name), result(name), seal(len(bodies) + 5)])

    for n in range(times):
        work(f"c{n}")
        bodies.extend([e.Rewind(Seq(7), "agent", "r", TOLD), seal(len(bodies) + 3)])
    bodies.extend(then)
    work("last")
    return History.of(entries(bodies))


def test_an_agent_goes_back_to_the_same_place_a_few_times_and_then_only_when_somebody_has_spoken() -> None:
    check_own(gone_back(4), Seq(7))
    for to in (7, 11):
        check_own(gone_back(5, e.Message("f1", "hello")), Seq(to))
    with pytest.raises(ForkError, match="you went back to checkpoint 7 or before it 5 times"):
        check_own(gone_back(5), Seq(7))


def test_an_agent_does_not_go_back_over_what_it_has_not_worked_on() -> None:
    with pytest.raises(ForkError, match="nothing was done since checkpoint 10"):
        check_own(after(), Seq(10))
    idle = gone_back(1).entries[:-4]
    with pytest.raises(ForkError, match="you have just come back from there"):
        check_own(History.of(idle), Seq(7))
    refused = e.ToolResult(CallId("again"), "rewind", (), is_error=True)
    again = [entry.body for entry in idle[1:]] + [answer(tool_use("again", "rewind")), refused, seal(16)]
    with pytest.raises(ForkError, match="you have just come back from there"):
        check_own(History.of(entries(again)), Seq(7))
    with pytest.raises(ForkError, match="there is no checkpoint 4"):
        check_own(after(), Seq(4))


def forked(*bodies: e.Body) -> History:
    above = after()
    fork = e.Fork((e.Child(F1, "do a"),), Seq(11), wait=False)
    opened = opening(above, above.forked(Seq(11)), fork, fork.children[0], "")
    below = above.forked(Seq(11))
    for n, body in enumerate([opened.line_one, prompt("do a"), seal(14), *bodies], start=12):
        below.add(e.Entry(Seq(n), "", body))
    return below


def test_a_fork_does_not_go_back_to_before_its_fork_point() -> None:
    assert raw(forked(e.Rewind(Seq(7), "agent", "r", TOLD))) == raw(forked())
    assert raw(forked(e.Rewind(Seq(11), "agent"))) == raw(after())


def test_a_fork_of_a_place_that_was_left_behind_has_the_context_of_that_place() -> None:
    history = after(e.Rewind(Seq(3), "user"), prompt("other"), seal(14), answer("else"))
    assert raw(history.forked(Seq(11))) == raw(after())
    assert raw(history.forked(Seq(7))) == raw(History.of(entries(TURN[:6])))
    assert raw(history.forked(Seq(14))) == raw(after(e.Rewind(Seq(3), "user"), prompt("other"), seal(14)))


def test_a_cut_context_of_a_fork_is_all_its_own() -> None:
    below = forked(e.Rewind(Seq(0), "fork", "", "You are f1."), seal(16))
    assert below.own_messages == list(below.messages)
    assert len(forked().own_messages) == 1


def test_children_that_were_left_behind_report_by_message_unless_they_were_let_go() -> None:
    fork = e.Fork((e.Child(F1, "a"), e.Child(AgentId("f2"), "b")), Seq(11), CallId("fork_1"))
    asks = [prompt(), seal(13), answer(tool_use("fork_1", "fork")), fork]
    history = after(*asks, e.Rewind(Seq(7), "user", let_go=(F1,)))
    assert unreported(history) == ["f2"]
    for n, name in enumerate(("f1", "f2"), start=17):
        history.add(e.Entry(Seq(n), "", e.Report(AgentId(name), "done", f"from {name}")))
    history.add(e.Entry(Seq(19), "", seal(19)))
    said = text_of(history.messages[-1].content)
    assert '<message from="f2">' in said
    assert "from f1" not in said


# --- any history ----------------------------------------------------------------------------------------------------

REWINDS = st.builds(
    e.Rewind,
    st.integers(0, 20).map(Seq),
    st.sampled_from(["user", "agent", "fork"]),
    st.sampled_from(["", "r"]),
    st.sampled_from(["", " ", TOLD]),
    asks=st.booleans(),
)
LOCAL = BODIES.filter(lambda body: not isinstance(body, e.AccessChange))
FAMILY = st.one_of(
    st.builds(e.Fork, st.just((e.Child(F1, "a"),)), st.just(Seq(3)), st.sampled_from([None, CallId("toolu_1")])),
    st.builds(e.Report, st.just(F1), st.just("done"), st.just("found")),
    st.builds(e.Merge, st.just(F1), st.just("kept")),
)


def line(all_of_it: Sequence[e.Entry]) -> list[e.Entry]:
    """The entries that lead to the head: each rewind goes back no further than to the entry before it."""
    lines: dict[int, list[e.Entry]] = {0: []}
    now: list[e.Entry] = []
    for entry in all_of_it:
        body = entry.body
        if isinstance(body, e.Rewind):
            if body.to < entry.seq:
                now = list(lines[body.to])
                before = now[-1].seq if now else 0
                now.append(replace(entry, body=replace(body, to=Seq(before))))
        else:
            now.append(entry)
        lines[entry.seq] = list(now)
    return now


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(LOCAL, REWINDS), max_size=20))
def test_the_head_is_what_the_entries_that_lead_there_make(bodies: list[e.Body]) -> None:
    everything = entries(bodies)
    history, plain = History.of(everything), History.of(line(everything))
    assert raw(history) == raw(plain)
    if not any(isinstance(body, e.Rewind) and body.by == "fork" for body in bodies):
        assert next_action(history) == next_action(plain)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(BODIES, REWINDS, FAMILY), max_size=20), st.integers(1, 21))
def test_what_is_folded_again_is_the_same_and_so_is_every_fork_of_it(bodies: list[e.Body], at: int) -> None:
    everything = entries(bodies)
    history = History()
    for n, entry in enumerate(everything, start=1):
        history.add(entry)
        if n == at:
            then = raw(history)
    assert raw(History.of(everything)) == raw(history)
    if at <= len(everything):
        assert raw(history.forked(Seq(at))) == then
        assert history.forked(Seq(at)).next_seq == at + 1


def test_a_thousand_rewinds_are_folded_at_once() -> None:
    bodies: list[e.Body] = [*TURN]
    for _ in range(1000):
        bodies += [e.Rewind(Seq(7), "user"), e.Rewind(Seq(len(bodies) + 1), "user")]
    assert raw(History.of(entries(bodies))) == raw(after())


@pytest.mark.parametrize("at", [7, 11])
def test_a_fork_of_a_fork_that_begins_in_their_common_past_knows_whose_fork_it_is(at: int) -> None:
    below = forked()
    past = below.forked(Seq(at))
    fork = e.Fork((e.Child(AgentId("f2"), ""),), Seq(at), wait=False)
    opened = opening(below, past, fork, fork.children[0], "")
    past.add(e.Entry(Seq(at + 1), "", opened.line_one))
    assert past.agent == opened.line_one
    assert past.own_messages == []
    assert raw(past) == raw(after().forked(Seq(at)))
    past.add(e.Entry(Seq(at + 2), "", prompt("go")))
    again = past.forked(Seq(at + 1))
    assert again.agent == opened.line_one
