"""Questions to the user: one at a time, `always` for the very command, and none at all where nobody is."""

import asyncio
from pathlib import Path

from engine_kit import Asked, Bench, Plays, make_bench

from forkcli.core.entries import Approval
from forkcli.core.ids import MAIN, CallId
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Question

CALL = CallId("c")


def question(command: str, what: str = "net") -> Question:
    return Question(MAIN, what, command)


def bench_of(place: Path) -> Bench:
    return make_bench(place, Plays([]))


async def test_once_is_asked_again_and_no_is_no(tmp_path: Path) -> None:
    agent, person = bench_of(tmp_path).agent, Asked(["once", "no", "once"])
    approvals = Approvals(person)
    said = [await approvals.approve(agent, CALL, question("curl x")) for _ in range(3)]
    assert said == [True, False, True]
    assert len(person.questions) == 3


async def test_always_holds_for_this_very_command_and_kind_alone(tmp_path: Path) -> None:
    bench, person = bench_of(tmp_path), Asked(["always", "no", "no"])
    approvals = Approvals(person)
    assert await approvals.approve(bench.agent, CALL, question("curl x"))
    assert await approvals.approve(bench.agent, CALL, question("curl x"))
    assert not await approvals.approve(bench.agent, CALL, question("curl x "))
    assert not await approvals.approve(bench.agent, CALL, question("curl x", "unsandboxed"))
    assert len(person.questions) == 3
    assert [(body.command, body.answer) for body in bench.bodies(Approval)] == [
        ("curl x", "always"),
        ("curl x ", "no"),
        ("curl x", "no"),
    ]


async def test_questions_are_put_one_at_a_time_and_an_always_answers_those_that_wait(tmp_path: Path) -> None:
    agent, person = bench_of(tmp_path).agent, Asked(["always", "once"])
    approvals = Approvals(person)
    asked = [question("a"), question("a"), question("a"), question("b")]
    assert all(await asyncio.gather(*(approvals.approve(agent, CALL, q) for q in asked)))
    assert len(person.questions) == 2
    assert person.most_at_once == 1


async def test_where_nobody_can_answer_nothing_is_asked_recorded_or_allowed(tmp_path: Path) -> None:
    bench, person = bench_of(tmp_path), Asked(["always"], interactive=False)
    assert not await Approvals(person).approve(bench.agent, CALL, question("curl x"))
    assert person.questions == []
    assert bench.bodies(Approval) == []


async def test_another_process_knows_nothing_of_an_always(tmp_path: Path) -> None:
    agent = bench_of(tmp_path).agent
    assert await Approvals(Asked(["always"])).approve(agent, CALL, question("curl x"))
    assert not await Approvals(Asked(["no"])).approve(agent, CALL, question("curl x"))
