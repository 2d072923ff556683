"""A turn as a whole: limits, messages, notices, stops."""

import asyncio
from pathlib import Path

import pytest
from engine_kit import Does, Plays, make_bench, use

from forkcli.core.budget import Limits
from forkcli.core.entries import Assistant, Checkpoint, Failure, Interrupt, Message, Notice
from forkcli.core.events import Appended, TurnEnded
from forkcli.core.messages import Json, text_block, text_of
from forkcli.engine.agent import Stop
from forkcli.engine.loop import resume_turn
from forkcli.engine.ports import ModelError, ModelFault, ToolEnv
from forkcli.store.inbox import put_message

DONE = [text_block("done")]


async def nothing(_args: Json, _env: ToolEnv) -> str:
    return "ok"


def looks(count: int, **usage: int) -> list[Json]:
    return [{"content": [use("look", f"c{n}")], "usage": usage} for n in range(count)]


LOOK = Does("look", nothing, reads=True)


async def test_the_limit_of_steps_holds_over_turns_of_one_run(tmp_path: Path) -> None:
    model = Plays([*looks(2), DONE, DONE])
    bench = make_bench(tmp_path, model, [LOOK], limits=Limits(max_steps=3))
    assert (await bench.turn()).status == "done"
    end = await bench.turn("more")
    assert (end.status, len(model.requests)) == ("limit", 3)
    assert "--max-steps" in end.sentence
    assert [body.by for body in bench.bodies(Interrupt)] == ["limit"]
    bench.rig.limits = Limits()
    assert (await resume_turn(bench.agent, bench.rig, "0.1.0")).status == "done"
    assert bench.whole()


async def test_the_limit_of_cost_ends_the_turn_before_the_next_request(tmp_path: Path) -> None:
    model = Plays([*looks(5), DONE], price=0.4)
    bench = make_bench(tmp_path, model, [LOOK], limits=Limits(max_cost_usd=1.0))
    end = await bench.turn()
    assert end.status == "limit"
    assert "$1.00" in end.sentence
    assert len(model.requests) == 3
    assert bench.agent.history.cost_usd == pytest.approx(1.2)


async def test_how_full_the_context_is_is_told_once_for_each_further_tenth(tmp_path: Path) -> None:
    window = 100_000  # of which a quarter is kept for the answer
    sizes = [40_000, 53_000, 54_000, 55_000, 61_000, 62_000, 69_000]
    steps = [{"content": [use("look", f"c{n}")], "usage": {"input_tokens": size}} for n, size in enumerate(sizes)]
    model = Plays([*steps, DONE], window=window)
    bench = make_bench(tmp_path, model, [LOOK])
    await bench.turn()
    told = [body.text for body in bench.bodies(Notice)]
    assert [text.split("% full")[0].rsplit(" ", 1)[1] for text in told] == ["71", "81", "92"]
    marks = [body.marker for body in bench.bodies(Checkpoint)]
    assert all(f'n="{e.seq}"' in e.body.marker for e in bench.agent.history.entries if isinstance(e.body, Checkpoint))
    assert 'context="53%"' in marks[1]


async def test_a_message_that_arrives_while_tools_run_goes_with_their_results(tmp_path: Path) -> None:
    async def tell(_args: Json, env: ToolEnv) -> str:
        put_message(env.files.folder / "inbox", "user", "also mind the tests")
        return "ok"

    model = Plays([[use("do", "a")], DONE])
    bench = make_bench(tmp_path, model, [Does("do", tell)])
    await bench.turn()
    result, said = model.requests[1].context.messages[-1].content
    assert result["type"] == "tool_result"
    assert said["text"].startswith('<message from="user">\nalso mind the tests\n</message>')
    assert bench.whole()


async def test_a_message_that_arrives_with_the_last_answer_keeps_the_turn_going(tmp_path: Path) -> None:
    class Late(Plays):
        async def stream(self, request):
            if len(self.requests) == 0:
                put_message(tmp_path / ".fork/sessions/20261122-0925-k3f/agents/main/inbox", "user", "wait, one more")
            async for event in super().stream(request):
                yield event

    model = Late([DONE, [text_block("that too")]])
    bench = make_bench(tmp_path, model)
    assert (await bench.turn()).status == "done"
    assert len(model.requests) == 2
    assert [body.text for body in bench.bodies(Message)] == ["wait, one more"]


async def test_nothing_is_told_before_it_is_on_disk(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, Plays([[use("look", "a")], DONE]), [LOOK])
    history = bench.agent.files.folder / "history.jsonl"
    seen: list[tuple[int, int]] = []
    emit = bench.agent.emit

    def checking(event: object) -> None:
        if isinstance(event, Appended):
            seen.append((event.entry.seq, history.read_bytes().count(b"\n")))
        emit(event)

    bench.agent.emit = checking
    await bench.turn()
    assert len(seen) >= 6
    assert all(seq <= lines for seq, lines in seen)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ModelFault.TOO_LONG, "context"),
        (ModelFault.AUTH, "refused"),
        (ModelFault.SPENT, "refused"),
        (ModelFault.REQUEST, "request"),
        (ModelFault.NO_MODEL, "request"),
    ],
)
async def test_a_request_that_is_refused_fails_the_turn_with_its_sentence(
    tmp_path: Path, fault: ModelFault, kind: str
) -> None:
    bench = make_bench(tmp_path, Plays([ModelError(fault, "it said no", status=400), DONE]))
    end = await bench.turn()
    assert (end.status, end.sentence) == ("failed", "it said no")
    assert [body.kind for body in bench.bodies(Failure)] == [kind]
    assert bench.events[-1] == TurnEnded(bench.agent.id, "failed", "it said no")
    assert (await bench.turn("again")).status == "done"
    assert bench.whole()


async def test_a_halt_while_nothing_runs_does_nothing(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, Plays([DONE]))
    bench.agent.halt(Stop("user"))
    assert (await bench.turn()).status == "done"


async def test_a_turn_that_is_cancelled_from_outside_stays_cancelled(tmp_path: Path) -> None:
    async def hang(_args: Json, _env: ToolEnv) -> str:
        begun.set()
        await asyncio.sleep(60)
        return ""

    begun = asyncio.Event()
    bench = make_bench(tmp_path, Plays([[use("do", "a")], DONE]), [Does("do", hang)])
    task = asyncio.create_task(bench.turn())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await resume_turn(bench.agent, bench.rig, "0.1.0")).status == "done"
    assert bench.whole()


async def test_an_answer_in_which_text_was_cut_by_the_user_is_kept_and_the_next_prompt_follows_it(
    tmp_path: Path,
) -> None:
    class Slow(Plays):
        async def stream(self, request):
            if self.requests:
                async for event in super().stream(request):
                    yield event
                return
            self.requests.append(request)
            yield {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 3}}}
            yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half an ans"}}
            bench.agent.halt(Stop("user"))
            await asyncio.sleep(60)

    model = Slow([DONE])
    bench = make_bench(tmp_path, model)
    assert (await bench.turn()).status == "interrupted"
    (answer,) = bench.bodies(Assistant)
    assert (answer.cut, text_of(answer.content)) == (True, "half an ans")
    assert (await bench.turn("something else")).status == "done"
    sent = model.requests[-1].context.messages
    assert [message.role for message in sent] == ["user", "assistant", "user"]
    assert bench.whole()
