"""kill -9 at any entry of a spawn: the next run goes on with the interview, the task or the workers where they were."""

from collections.abc import Callable

import pytest
from app_kit import Desk, Serve
from fork_kit import by_agent, spawns, whose

from forkcli.core.entries import Prompt, Report, Spawn, ToolStart
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, reply
from forkcli.store.reading import read_history

ANSWER = "All of them are back.\n"


def leaves(name: str) -> list[Reply]:
    return [reply(call("bash", command=f"echo once >> trace-{name}")), reply(f"{name} left its trace.")]


def plans(count: int, interview: str = "fork") -> dict[str, list[Reply]]:
    question = reply(call("send", to="parent", text="why?", wait=True))
    main = [reply(spawns(*("one", "two")[:count], interview=interview)), reply(ANSWER.strip())]
    if count == 1:
        return {"main": main, "s1": [question, reply("Ready."), *leaves("s1")], "f2": [reply("Because.")]}
    workers = {"f2": leaves("f2"), "f3": leaves("f3")}
    return {"main": main, "s1": [question, reply("Ready.")], **workers, "f4": [reply("Because.")]}


def bodies(desk: Desk, *kinds: type) -> list[object]:
    found = (read_history(path).entries for path in sorted(desk.session.glob("agents/*/history.jsonl")))
    return [entry.body for entries in found for entry in entries if isinstance(entry.body, kinds)]


def script(count: int) -> Callable[[Json], Reply]:
    def play(request: Json) -> Reply:
        return by_agent(plans(count), lambda name: reply(f"{name}?"))(request)

    return play


def finished(desk: Desk, count: int) -> None:
    """All have reported once, were told their task once, and what ran ran once."""
    assert desk.findings() == []
    reports = [body for body in bodies(desk, Report) if isinstance(body, Report)]
    names = ["s1"] if count == 1 else ["f2", "f3", "s1"]
    assert sorted(report.agent for report in reports) == names
    assert {report.status for report in reports} == {"done"}
    assert len(bodies(desk, Spawn)) == 1
    tasks = [body.text for body in bodies(desk, Prompt) if isinstance(body, Prompt) and body.source == "task"]
    assert sorted(tasks) == ["one", "two"][:count]
    starts = [start.call for start in bodies(desk, ToolStart) if isinstance(start, ToolStart)]
    assert len(set(starts)) == len(starts)
    traces = [desk.project / f"trace-{name}" for name in ("s1", "f2", "f3")]
    assert all(trace.read_text() == "once\n" for trace in traces if trace.exists())


@pytest.mark.parametrize("count", [1, 2])
def test_a_spawn_that_is_not_killed_ends_like_those_below(desk: Desk, serve: Serve, count: int) -> None:
    server = serve(script(count))
    assert desk.run("-p", "spawn").stdout == ANSWER
    finished(desk, count)
    assert server.refusals == []


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("record", "share"), [*((n, 1) for n in range(4, 34, 3)), (6, 0.5), (9, 0.5), (14, 0.2)])
def test_a_spawn_killed_after_any_record_or_in_it_is_finished_by_the_next_run(
    desk: Desk, serve: Serve, record: int, share: float, count: int
) -> None:
    server = serve(script(count))
    if desk.goes_on("spawn", ANSWER, (record, share)):
        assert server.refusals == []
        finished(desk, count)


def test_a_spawn_killed_again_and_again_comes_to_its_end(desk: Desk, serve: Serve) -> None:
    server = serve(script(2))
    desk.run("-p", "spawn", die_writing=(7, 1))
    desk.go_on_until_done((6, 1))
    assert server.refusals == []
    finished(desk, 2)


@pytest.mark.parametrize("record", [6, 8, 10, 12, 14])
def test_a_parent_that_answers_itself_is_asked_once_whatever_was_cut(desk: Desk, serve: Serve, record: int) -> None:
    def play(request: Json) -> Reply:
        if whose(request) != "main":
            return by_agent(plans(1))(request)
        if len(request["messages"]) == 1:
            return reply(spawns("one", interview="self"))
        asked = "asks you this" in str(request["messages"][-1])
        return reply(call("send", to="s1", text="because")) if asked else reply(ANSWER.strip())

    server = serve(play)
    if desk.run("-p", "spawn", die_writing=(record, 1)).code:
        assert desk.run("-c", "-p").stdout == ANSWER
    asked = [path for path in desk.session.glob("agents/main/inbox/*-s1.md") if path.stat().st_size]
    assert len(asked) == 1
    finished(desk, 1)
    assert server.refusals == []
