"""How the calls of one answer run: readers beside each other, writers one by one, each answered exactly once."""

import asyncio
from pathlib import Path

import pytest
from engine_kit import Does, Plays, make_bench, use

from forkcli.core.entries import ToolFacts, ToolResult, ToolStart
from forkcli.core.events import CallOutput, CallStarted
from forkcli.core.messages import Json, text_block, text_of
from forkcli.engine.agent import Stop
from forkcli.engine.ports import ToolEnv
from forkcli.engine.toolrun import AT_ONCE, INTERRUPTED, NOT_RUN
from forkcli.errors import ForkError, Kind

DONE = [text_block("done")]


async def test_calls_that_only_read_run_at_the_same_time(tmp_path: Path) -> None:
    meeting = asyncio.Barrier(3)

    async def meet(_args: Json, _env: ToolEnv) -> str:
        async with asyncio.timeout(30):
            await meeting.wait()
        return "met"

    model = Plays([[use("look", "a"), use("look", "b"), use("look", "c")], DONE])
    bench = make_bench(tmp_path, model, [Does("look", meet, reads=True)])
    assert (await bench.turn()).status == "done"
    assert bench.results() == {"a": "met", "b": "met", "c": "met"}
    assert bench.whole()


async def test_calls_that_write_run_one_after_the_other_in_their_order(tmp_path: Path) -> None:
    inside: list[str] = []
    order: list[str] = []

    async def write(args: Json, _env: ToolEnv) -> str:
        inside.append("x")
        assert len(inside) == 1
        await asyncio.sleep(0.01)
        order.append(args["n"])
        inside.pop()
        return "written"

    calls = [use("look", "r1", n="r1"), use("do", "w1", n="w1"), use("do", "w2", n="w2"), use("look", "r2", n="r2")]
    bench = make_bench(tmp_path, Plays([calls, DONE]), [Does("do", write), Does("look", write, reads=True)])
    await bench.turn()
    assert order == ["r1", "w1", "w2", "r2"]


async def test_results_go_back_in_the_order_of_the_calls_whichever_ends_first(tmp_path: Path) -> None:
    async def wait(args: Json, _env: ToolEnv) -> str:
        await asyncio.sleep(args["s"])
        return "x"

    model = Plays([[use("look", "slow", s=0.05), use("look", "fast", s=0)], DONE])
    bench = make_bench(tmp_path, model, [Does("look", wait, reads=True)])
    await bench.turn()
    assert list(bench.results()) == ["fast", "slow"]
    sent = model.requests[1].context.messages[-1].content
    assert [block["tool_use_id"] for block in sent] == ["slow", "fast"]


async def test_no_more_than_so_many_readers_run_at_once(tmp_path: Path) -> None:
    running, most = 0, 0

    async def look(_args: Json, _env: ToolEnv) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return "x"

    calls = [use("look", f"c{n}") for n in range(3 * AT_ONCE)]
    bench = make_bench(tmp_path, Plays([calls, DONE]), [Does("look", look, reads=True)])
    await bench.turn()
    assert most == AT_ONCE
    assert len(bench.results()) == 3 * AT_ONCE


async def test_a_call_is_on_disk_before_it_runs_and_its_result_before_it_is_told(tmp_path: Path) -> None:
    async def look(_args: Json, env: ToolEnv) -> str:
        assert b'"tool_start"' in (env.files.folder / "history.jsonl").read_bytes()
        return "x"

    bench = make_bench(tmp_path, Plays([[use("do", "a")], DONE]), [Does("do", look)])
    await bench.turn()
    kinds = [type(body) for body in bench.bodies()]
    assert kinds.index(ToolStart) < kinds.index(ToolResult)


async def test_a_tool_that_raises_is_an_error_the_model_reads(tmp_path: Path) -> None:
    async def fail(_args: Json, _env: ToolEnv) -> str:
        raise ForkError("the file is gone", "look for it first")

    model = Plays([[use("do", "a")], DONE])
    bench = make_bench(tmp_path, model, [Does("do", fail)])
    assert (await bench.turn()).status == "done"
    (result,) = bench.bodies(ToolResult)
    assert result.is_error
    assert bench.results() == {"a": "The file is gone.\nlook for it first"}
    assert model.requests[1].context.messages[-1].content[0]["is_error"] is True


async def test_unknown_tools_and_wrong_inputs_are_answered_without_being_started(tmp_path: Path) -> None:
    async def never(_args: Json, _env: ToolEnv) -> str:
        raise AssertionError("it ran")

    model = Plays([[use("fly", "a"), use("do", "b", wrong=1)], DONE])
    bench = make_bench(tmp_path, model, [Does("do", never)])
    await bench.turn()
    assert bench.results() == {
        "a": "There is no tool fly. Tools: do.",
        "b": "The field `wrong` is unknown.\nleave it out",
    }
    assert bench.bodies(ToolStart) == []


@pytest.mark.parametrize("reads", [True, False])
async def test_when_nothing_can_be_saved_the_turn_stops_there(tmp_path: Path, reads: bool) -> None:
    async def full(_args: Json, _env: ToolEnv) -> str:
        raise ForkError("no space is left", kind=Kind.STORAGE)

    model = Plays([[use("do", "a"), use("do", "b")], DONE])
    bench = make_bench(tmp_path, model, [Does("do", full, reads=reads)])
    with pytest.raises(ForkError, match="no space"):
        await bench.turn()
    assert len(model.requests) == 1
    assert bench.agent.task is None


async def test_a_stop_by_the_user_answers_every_call(tmp_path: Path) -> None:
    async def hang(_args: Json, env: ToolEnv) -> str:
        env.output("half of it\n")
        bench.agent.halt(Stop("user"))
        await asyncio.sleep(60)
        return "never"

    model = Plays([[use("do", "a"), use("do", "b")], DONE])
    bench = make_bench(tmp_path, model, [Does("do", hang)])
    end = await bench.turn()
    assert end.status == "interrupted"
    assert bench.results() == {"a": f"half of it\n{INTERRUPTED}", "b": NOT_RUN}
    assert (await bench.turn("go on")).status == "done"
    said = model.requests[1].context.messages[-1].content
    assert [block["type"] for block in said] == ["tool_result", "tool_result", "text"]
    assert "The user stopped you here" in text_of(said[1]["content"])
    assert bench.whole()


async def test_of_readers_that_are_stopped_each_is_answered_once(tmp_path: Path) -> None:
    async def hang(args: Json, _env: ToolEnv) -> str:
        if args["n"] == 0:
            await asyncio.sleep(0.01)
            return "quick"
        if args["n"] == 1:
            while "c0" not in bench.results():
                await asyncio.sleep(0.01)
            bench.agent.halt(Stop("user"))
        await asyncio.sleep(60)
        return "never"

    calls = [use("look", f"c{n}", n=n) for n in range(AT_ONCE + 3)]
    bench = make_bench(tmp_path, Plays([calls, DONE]), [Does("look", hang, reads=True)])
    assert (await bench.turn()).status == "interrupted"
    results = bench.results()
    assert results["c0"] == "quick"
    assert {results[f"c{n}"] for n in range(1, AT_ONCE + 1)} == {INTERRUPTED}
    assert len(bench.bodies(ToolResult)) == AT_ONCE + 3


async def test_output_is_told_while_it_comes_and_a_cut_call_keeps_its_end_alone(tmp_path: Path) -> None:
    async def flood(_args: Json, env: ToolEnv) -> str:
        for n in range(5000):
            env.output(f"line {n}\n")
        bench.agent.halt(Stop("user"))
        await asyncio.sleep(60)
        return "never"

    bench = make_bench(tmp_path, Plays([[use("do", "a")], DONE]), [Does("do", flood)])
    await bench.turn()
    told = [event for event in bench.events if isinstance(event, CallStarted | CallOutput)]
    assert len(told) == 5001
    assert "line 4999" in bench.results()["a"]
    assert len(bench.results()["a"]) < 4200


async def test_where_the_shell_stands_is_carried_to_the_next_call(tmp_path: Path) -> None:
    seen: list[str] = []

    class Moves(Does):
        async def run(self, args: Json, env: ToolEnv) -> "ToolOutcome":
            seen.append(env.cwd)
            return ToolOutcome((text_block("moved"),), facts=ToolFacts(cwd="/elsewhere"))

    async def unused(_args: Json, _env: ToolEnv) -> str:
        return ""

    from forkcli.engine.ports import ToolOutcome

    bench = make_bench(tmp_path, Plays([[use("do", "a"), use("do", "b")], DONE]), [Moves("do", unused)])
    await bench.turn()
    assert seen == [str(tmp_path), "/elsewhere"]
