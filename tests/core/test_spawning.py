from dataclasses import replace

import pytest
from core.build import AGENT, answer, entries, prompt, result, seal, start, tool_use

from forkcli.core.answering import introduced
from forkcli.core.decide import Gather, next_action
from forkcli.core.entries import Body, Child, Entry, Fork, Interview, Prompt, Report, Spawn, ToolResult, Usage
from forkcli.core.forking import report_of
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.interview import INTERVIEW_STEPS, MOST_ROUNDS, interviewing, own_limit, refused
from forkcli.core.messages import text_block
from forkcli.core.reports import gathered
from forkcli.core.spawning import spawned, worker, workers, workers_of

S1, F2, F3 = AgentId("s1"), AgentId("f2"), AgentId("f3")
ASKS = tool_use("spawn_1", "spawn", brief="b", tasks=[{"task": "a"}, {"task": "b"}])
ONE = Spawn("the brief", (Child(S1, "do it", max_steps=2),), Seq(4), call=CallId("spawn_1"))
MANY = Spawn("the brief", (Child(F2, "do a", "read"), Child(F3, "do b")), Seq(4), S1, call=CallId("spawn_1"))


def parent(spawn: Spawn, *more: Body) -> History:
    return History.of(entries([prompt(), seal(), answer(ASKS), spawn, *more]))


def told(source: str = "brief", text: str = "the brief") -> Prompt:
    kind = "task" if source == "task" else "brief"
    return Prompt(text, (text_block(text),), kind)


def child(spawn: Spawn, *more: Body) -> History:
    bodies = [spawned(parent(spawn).branch(), spawn, S1), told(), *more]
    return History.of(Entry(Seq(n), "2026-11-22T09:25:00.000Z", body) for n, body in enumerate(bodies, start=1))


def asks(key: str, *, error: bool = False) -> list[Body]:
    use = tool_use(key, "send", to="parent", text="why?", wait=True)
    said = ToolResult(CallId(key), "send", (text_block("because"),), is_error=error)
    return [seal(), answer(use), said]


def test_a_spawned_agent_has_its_parents_system_and_tools_and_none_of_its_past() -> None:
    below = child(ONE)
    assert below.context().system == AGENT.system
    assert list(below.messages) == []
    about = below.agent
    assert about is not None
    assert (about.kind, about.parent, about.from_seq, about.depth) == ("spawn", "main", None, 1)


def test_a_spawned_agent_never_gets_more_access_than_its_parent_has() -> None:
    above = History.of([Entry(Seq(1), "", replace(AGENT, access="read"))])
    assert spawned(above, ONE, S1).access == "read"


def test_an_agent_that_is_onboarded_for_others_can_only_read_and_its_workers_get_what_they_were_ordered_with() -> None:
    ready = child(MANY, seal(), answer("ready"))
    assert ready.access == "read"
    first, second = (worker(parent(MANY), ready, MANY, one, "told").line_one for one in MANY.children)
    assert (first.access, second.access) == ("read", "write")
    assert (second.kind, second.parent, second.reports_to, second.above) == ("fork", "s1", "main", "main")
    assert second.from_seq == ready.entries[-1].seq


def test_another_model_is_that_of_the_spawned_agent_and_of_its_workers() -> None:
    order = replace(MANY, model="claude-haiku-4-5")
    ready = child(order, seal(), answer("ready"))
    assert ready.model == "claude-haiku-4-5"
    assert worker(parent(order), ready, order, order.children[0], "").line_one.model == "claude-haiku-4-5"


def test_the_spawning_call_waits_for_the_tasks_and_not_for_the_one_that_was_onboarded() -> None:
    above = parent(MANY, Report(S1, "done", "ready"))
    assert next_action(above) == Gather((CallId("spawn_1"),))
    assert list(above.forks) == [F2, F3]


def test_the_result_of_a_spawn_says_what_the_interview_took_before_the_reports() -> None:
    reports = {name: Report(name, "done", f"{name}.", 2, Usage(5, 5)) for name in (S1, F2, F3)}
    first, *rest = gathered(MANY, reports, {}).splitlines()
    assert first.startswith("[s1 was onboarded for them: done, 2 steps")
    assert "".join(rest).count("<report ") == 2


def test_the_order_that_makes_workers_leaves_no_children_with_the_onboarded_agent() -> None:
    ready = child(MANY, seal(), answer("ready"))
    assert workers_of(ready) is None
    order = workers(ready, MANY)
    ready.add(Entry(ready.next_seq, "", order))
    assert workers_of(ready) == order == Fork(MANY.children, Seq(4), reports_to=AgentId("main"))
    assert ready.forks == {}


# --- the interview --------------------------------------------------------------------------------------------------


def test_the_interview_lasts_until_the_task_is_told() -> None:
    assert interviewing(child(ONE, seal(), answer("ready")))
    assert not interviewing(child(ONE, seal(), answer("ready"), told("task", "do it")))
    assert not interviewing(child(ONE, seal(), answer("ready"), prompt("you there?")))
    assert not interviewing(parent(ONE))


def test_five_questions_are_answered_and_the_sixth_is_not() -> None:
    before = [body for n in range(MOST_ROUNDS - 1) for body in asks(f"q{n}")]
    fifth = child(ONE, *before, *asks("five")[:2])
    assert refused(fifth, CallId("five")) is None
    sixth = child(ONE, *before, *asks("five"), *asks("six")[:2])
    assert "get ready now" in (refused(sixth, CallId("six")) or "")


def test_questions_side_by_side_count_one_by_one_and_failed_ones_do_not() -> None:
    uses = [tool_use(f"q{n}", "send", to="parent", text="?", wait=True) for n in range(7)]
    wide = child(ONE, seal(), answer(*uses))
    assert [refused(wide, CallId(f"q{n}")) is None for n in range(7)] == [True] * 5 + [False] * 2
    failed = [body for n in range(8) for body in asks(f"q{n}", error=True)]
    assert refused(child(ONE, *failed, *asks("last")[:2]), CallId("last")) is None


def test_questions_of_an_endpoint_that_counts_its_calls_anew_are_counted_all_the_same() -> None:
    same: list[Body] = []
    for n in range(MOST_ROUNDS):
        key = "call_0" if n == 0 else f"call_0_{n + 1}"
        same += [*asks("call_0")[:2], ToolResult(CallId(key), "send", (text_block("so"),))]
    assert refused(child(ONE, *same, *asks("new")[:2]), CallId("new")) is not None


def test_plain_messages_and_other_tools_are_no_questions() -> None:
    plain = tool_use("m", "send", to="parent", text="fyi")
    many: list[Body] = [seal(), answer(plain, tool_use("r", "read")), start("r"), result("r"), result("m")] * 9
    assert refused(child(ONE, *many, *asks("q")[:2]), CallId("q")) is None


@pytest.mark.parametrize("interview", ["none", "self", "user", "fork"])
def test_without_an_interview_no_question_is_answered(interview: Interview) -> None:
    asked = child(replace(ONE, interview=interview), *asks("q")[:2])
    assert (refused(asked, CallId("q")) is not None) == (interview == "none")


def test_at_work_a_spawned_agent_may_ask_as_often_as_a_fork() -> None:
    before = [body for n in range(MOST_ROUNDS) for body in asks(f"q{n}")]
    assert refused(child(ONE, *before, told("task"), *asks("more")[:2]), CallId("more")) is None
    assert refused(parent(ONE), CallId("q")) is None


def test_an_interview_has_steps_of_its_own_that_do_not_count_for_the_task() -> None:
    talk: list[Body] = [seal(), answer("hm")] * (INTERVIEW_STEPS - 1)
    assert own_limit(child(ONE, *talk)) is None
    assert own_limit(child(ONE, *talk, seal(), answer("hm"))) == f"its limit of {INTERVIEW_STEPS} steps was reached"
    work = child(ONE, *talk, told("task"), seal(), answer("one"))
    assert own_limit(work) is None
    work = child(ONE, *talk, told("task"), seal(), answer("one"), seal(), answer("two"))
    assert own_limit(work) == "its limit of 2 steps was reached"


def test_what_was_said_in_the_interview_is_no_report() -> None:
    below = child(ONE, seal(), answer("I am ready."), told("task"), seal(), answer(tool_use("r", "read")))
    assert report_of(below, "stopped").text == "(it ended without a report)"
    assert report_of(below, "stopped").steps == 2
    assert report_of(child(ONE, seal(), answer("I am ready.")), "done").text == "I am ready."


def test_who_answers_a_question_is_told_what_the_asker_is_to_it() -> None:
    assert (
        introduced(parent(MANY), "s1") == "s1 is the new agent of your `spawn` call, and gets ready for all its tasks. "
    )
    assert introduced(parent(MANY), "f2") == "f2 is one of those that your `spawn` call has made. "
    assert introduced(parent(ONE), "user") == introduced(parent(ONE), "f9") == ""
