"""Rewinding through a whole session: by the model, by the user, and where the context is full."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from back_kit import noted
from fork_kit import Den, block_text, blocks, den, forks, newest, unmarked

from forkcli.app.wayback import Wayback
from forkcli.core.entries import Agent, Assistant, Checkpoint, Prompt, Rewind
from forkcli.core.events import TurnEnded
from forkcli.core.ids import Seq
from forkcli.core.messages import Json
from forkcli.errors import ForkError
from forkcli.models.scripted import Reply, call, fail, reply
from forkcli.ui.rewindable import RewindOrder

MARK = re.compile(r'<checkpoint n="(\d+)"')


Step = Reply | Callable[[Json], Reply]


def marks(request: Json) -> list[int]:
    """The checkpoints that a request shows, oldest first."""
    return [int(n) for m in request["messages"] for b in blocks(m) for n in MARK.findall(block_text(b))]


def steps(*plan: Step) -> Callable[[Json], Reply]:
    """One reply after the other, whoever asks."""
    left = list(plan)

    def script(request: Json) -> Reply:
        step = left.pop(0)
        return step(request) if callable(step) else step

    return script


def back(report: str, to: int = 0, **more: object) -> Callable[[Json], Reply]:
    """A call of `rewind` to the checkpoint that stands at place `to`."""
    return lambda request: reply(call("rewind", to=marks(request)[to], report=report, **more))


WORK = reply(call("bash", command="echo found > found.txt; cat README.md"))


def test_the_model_goes_back_with_a_report_and_goes_on_from_there(project: Path) -> None:
    with den(project, steps(WORK, back("The cause is in calc.py:3."), reply("Mended."))) as home:
        assert home.ask("mend it").status == "done"
        first, _, last = (request.body for request in home.server.requests)
        assert unmarked(last["messages"][:1]) == unmarked(first["messages"])
        told = block_text(blocks(last["messages"][1])[0])
        assert "The cause is in calc.py:3." in told
        assert '<report from="f1"' in told
        assert "found.txt" in told
        assert "echo found > found.txt" in told
        assert home.line_one("f1").kind == "abandoned"
        assert (project / "found.txt").exists()
        home.sound()


def test_a_rewound_request_reads_the_whole_checkpoint_from_the_cache(project: Path) -> None:
    prompt = "word " * 4000
    with den(project, steps(WORK, back("It is nothing."), reply("So."))) as home:
        home.ask(prompt)
        first, _, last = (request.usage or {} for request in home.server.requests)
        held = first["input_tokens"] + first["cache_creation_input_tokens"] + first["cache_read_input_tokens"]
        assert last["cache_read_input_tokens"] >= held - 1


def test_files_are_restored_if_the_model_says_so_and_the_report_tells_which(project: Path) -> None:
    with den(project, steps(WORK, back("Wrong way.", files="restore"), reply("Otherwise."))) as home:
        home.ask("mend it")
        assert not (project / "found.txt").exists()
        assert home.bodies("main", Rewind)[0].restored == ("found.txt",)
        home.sound()


def test_going_back_twice_without_new_work_is_refused_and_the_turn_goes_on(project: Path) -> None:
    with den(project, steps(WORK, back("One."), back("Two."), reply("Then so."))) as home:
        assert home.ask().status == "done"
        assert len(home.bodies("main", Rewind)) == 1
        assert "done nothing since" in newest(home.server.requests[-1].body)


def test_a_second_report_brings_the_first_one_along(project: Path) -> None:
    with den(project, steps(WORK, back("One."), WORK, back("Two."), reply("Then so."))) as home:
        home.ask()
        told = newest(home.server.requests[-1].body)
        assert "One." in told
        assert "Two." in told
        home.sound()


@pytest.mark.parametrize("to", [1, 2, 999])
def test_a_place_that_is_no_checkpoint_is_refused_with_those_that_are(project: Path, to: int) -> None:
    with den(project, steps(WORK, reply(call("rewind", to=to, report="x")), reply("Well."))) as home:
        assert home.ask().status == "done"
        assert re.search(r"checkpoint", newest(home.server.requests[-1].body))
        assert not home.bodies("main", Rewind)


Work = Callable[[Wayback], Awaitable[object]]


def user(home: Den, *work: Work, prompts: tuple[str, ...] = ("first", "second")) -> list[object]:
    """What came of each piece of work, after these prompts."""

    async def run() -> list[object]:
        session = home.open()
        try:
            for prompt in prompts:
                await home.turn(prompt)
            return [await piece(Wayback(session)) for piece in work]
        finally:
            await home.close()

    return asyncio.run(run())


def test_the_user_goes_back_before_a_prompt_which_returns_to_the_input_line(project: Path) -> None:
    with den(project, steps(WORK, reply("One."), WORK, reply("Two."))) as home:

        async def rewind(way: Wayback) -> object:
            row = way.rows()[-1]
            plan = await way.plan(row.to)
            assert plan.where == "before “second”"
            return await way.rewind(RewindOrder(row.to, "conversation"))

        (rewound,) = user(home, rewind)
        assert getattr(rewound, "prompt", "") == "second"
        assert [body.text for body in home.bodies("main", Prompt)] == ["first", "second"]
        assert len(home.history("main").messages) == 4
        home.sound()


def test_a_rewind_is_undone_with_its_files(project: Path) -> None:
    script = steps(
        reply(call("bash", command="echo 1 > a.txt")),
        reply("One."),
        reply(call("bash", command="rm a.txt")),
        reply("Two."),
    )
    with den(project, script) as home:

        async def there(way: Wayback) -> object:
            rewound = await way.rewind(RewindOrder(way.rows()[-1].to, "both"))
            assert (project / "a.txt").read_text() == "1\n"
            return rewound

        async def again(way: Wayback) -> object:
            undo = way.rows()[-1]
            assert undo.undo
            return await way.rewind(RewindOrder(undo.to, "both"))

        user(home, there, again)
        assert not (project / "a.txt").exists()
        assert len(home.history("main").messages) == 8
        home.sound()


def test_only_what_was_left_for_good_can_be_undone_and_the_newest_of_the_same(project: Path) -> None:
    with den(project, steps(reply("One."), reply("Two."))) as home:

        async def there(way: Wayback) -> object:
            return await way.rewind(RewindOrder(way.rows()[1].to, "conversation"))

        async def undone(way: Wayback) -> object:
            (undo,) = [row for row in way.rows() if row.undo]
            assert undo.preview == "Two."
            assert way.place(str(undo.number)) == undo.to
            assert (await way.plan(undo.to)).where == f"where you were at {undo.to} (“Two.”)"
            rewound = await way.rewind(RewindOrder(undo.to, "conversation"))
            assert rewound.note.startswith("Back where you were at")
            return [row for row in way.rows() if row.undo]

        assert user(home, there, undone, there, undone)[1::2] == [[], []]
        home.sound()


def test_a_report_that_the_user_gives_up_on_rewinds_nothing_and_its_author_is_seen_to_have_stopped(
    project: Path,
) -> None:
    with den(project, steps(reply("One."), Reply([], delay_s=60))) as home:

        async def report(way: Wayback) -> object:
            writing = asyncio.create_task(way.compact(""))
            while len(home.server.requests) < 2:
                await asyncio.sleep(0.01)
            writing.cancel()
            await asyncio.wait([writing])
            return writing.cancelled()

        assert user(home, report, prompts=("first",)) == [True]
        assert not home.bodies("main", Rewind)
        assert ("f1", "interrupted") in [(one.agent, one.status) for one in home.events if isinstance(one, TurnEnded)]


@pytest.mark.parametrize("number", [2, 3])
def test_a_prompt_goes_by_the_number_of_its_checkpoint_and_by_its_own(project: Path, number: int) -> None:
    with den(project, steps(reply("One."), reply("Two."))) as home:

        async def report(way: Wayback) -> object:
            assert [row.number for row in way.rows()] == [3, 6]
            assert [way.place(word) for word in ("2", "3", "6")] == [1, 1, 4]
            assert [way.place(word, before=False) for word in ("2", "3", "6")] == [1, 3, 6]
            return await way.report(Seq(number), "All is well.", asks=False)

        user(home, report)
        (rewind,) = home.bodies("main", Rewind)
        assert rewind.to == next(entry.seq for entry in home.own("main") if isinstance(entry.body, Checkpoint))
        home.sound()


def test_a_rewind_says_where_it_came_to(project: Path) -> None:
    with den(project, steps(WORK, reply("One."))) as home:

        async def there(way: Wayback) -> object:
            rewound = await way.rewind(RewindOrder(way.place("3", before=False), "conversation"))
            return rewound.note

        assert user(home, there, prompts=("first",)) == ["Back at checkpoint 3."]


@pytest.mark.parametrize("text", ["", "By hand."])
def test_a_report_that_restores_files_leaves_what_the_user_changed_and_says_so(project: Path, text: str) -> None:
    with den(project, steps(WORK, reply("One."), reply("In short."))) as home:

        async def report(way: Wayback) -> object:
            await noted(home)
            (project / "README.md").write_text("mine\n")
            return await way.report(Seq(3), text, files="restore", asks=False)

        (done,) = user(home, report, prompts=("first",))
        assert "Files: 1 removed again. Kept as they are: README.md." in getattr(done, "note", "")
        assert not (project / "found.txt").exists()
        assert (project / "README.md").read_text() == "mine\n"
        assert "somebody else has changed them meanwhile: README.md" in home.bodies("main", Rewind)[0].told
        home.sound()


def test_the_author_of_a_report_can_look_and_do_nothing_else(project: Path) -> None:
    script = steps(WORK, reply("One."), reply(call("bash", command="echo more >> found.txt")), reply("In short."))
    with den(project, script) as home:

        async def report(way: Wayback) -> object:
            return await way.report(way.rows()[0].number, "")

        user(home, report, prompts=("first",))
        assert home.warnings == []
        assert home.results("f1")[-1] == "There is no tool bash. Tools: read."
        assert (project / "found.txt").read_text() == "found\n"
        home.sound()


def test_the_abandoned_self_writes_the_report_on_its_own_warm_prefix(project: Path) -> None:
    script = steps(WORK, reply("One."), reply("I found: nothing."), reply("Going on."))
    with den(project, script) as home:

        async def report(way: Wayback) -> object:
            rewound = await way.report(Seq(min(step.to for row in way.rows() for step in row.steps)), "")
            await home.again()
            return rewound

        user(home, report, prompts=("first",))
        asked, on = home.server.requests[-2:]
        assert "Write this report now" in newest(asked.body)
        assert (asked.usage or {})["cache_read_input_tokens"] > 0
        assert "I found: nothing." in newest(on.body)
        assert home.line_one("f1").kind == "abandoned"
        assert (home.folder / "agents/f1/report.md").read_text() == "I found: nothing.\n"
        home.sound()


def test_a_compaction_waits_for_the_next_prompt(project: Path) -> None:
    with den(project, steps(WORK, reply("One."), reply("All in short."), reply("Two."))) as home:

        async def compact(way: Wayback) -> object:
            await way.compact("")
            return await home.turn("and now?")

        user(home, compact, prompts=("first",))
        last = home.server.requests[-1].body
        assert len(last["messages"]) == 2
        assert "All in short." in newest(last)
        assert "and now?" in newest(last)
        home.sound()


def test_who_writes_a_second_report_is_told_that_the_first_is_passed_on(project: Path) -> None:
    with den(project, steps(WORK, reply("One."), reply("In short."), reply("Two."), reply("Shorter."))) as home:

        async def compact(way: Wayback) -> object:
            await way.compact("")
            await home.turn("and now?")
            return await way.compact("")

        user(home, compact, prompts=("first",))
        asked = [newest(one.body) for one in home.server.requests if "Write this report now" in newest(one.body)]
        assert ["the reports above" in text for text in asked] == [False, True]


def test_a_report_that_cannot_be_written_leaves_all_as_it_is(project: Path) -> None:
    with den(project, steps(WORK, reply("One."), fail(status=401))) as home:

        async def compact(way: Wayback) -> object:
            with pytest.raises(ForkError, match="came to none"):
                await way.compact("")
            return None

        user(home, compact, prompts=("first",))
        assert not home.bodies("main", Rewind)
        assert len(home.history("main").messages) == 4


def test_where_a_session_can_have_no_more_agents_the_models_stretch_is_kept_in_its_history_and_that_is_said(
    project: Path,
) -> None:
    script = steps(WORK, back("Enough."), reply("So."), reply("In short."), reply(forks("more")), reply("Well."))
    with den(project, script, max_agents=1) as home:

        async def compact(way: Wayback) -> object:
            return (await way.compact(""), await home.turn("fork"))

        user(home, compact, prompts=("first",))
        assert [one.abandoned for one in home.bodies("main", Rewind)] == [None, "f1"]
        assert any("kept in its history alone: a session has at most 1 agents" in told for told in home.warnings)
        assert "0 more can start" in home.results()[-1]
        assert home.agents == ["f1", "main"]
        home.sound()


def test_the_abandoned_stretch_keeps_its_whole_context(project: Path) -> None:
    with den(project, steps(WORK, back("Enough."), reply("So."))) as home:
        home.ask()
        left = [unmarked(message) for message in home.server.requests[1].body["messages"]]
        kept = [{"role": m.role, "content": list(m.content)} for m in home.history("f1").messages]
        assert kept[: len(left)] == left
        assert [entry.body.TYPE for entry in home.own("f1")][:2] == [Agent.TYPE, "tool_result"]
        assert not any(isinstance(entry.body, Assistant) for entry in home.own("f1"))


def test_a_prompt_that_was_taken_back_does_not_return_when_the_context_is_compacted(project: Path) -> None:
    with den(project, steps(reply("One."), reply("Two."), reply("In short."))) as home:

        async def refused(way: Wayback) -> object:
            with pytest.raises(ForkError, match="nothing to compact") as caught:
                await way.compact("")
            return caught.value.sentence

        async def take_back(way: Wayback) -> object:
            row = way.rows()[0]
            return await way.rewind(RewindOrder(row.to, "conversation"))

        async def ask_anew(_way: Wayback) -> object:
            return await home.turn("something else")

        async def compact(way: Wayback) -> object:
            return await way.compact("")

        said = user(home, take_back, refused, ask_anew, compact, refused, prompts=("withdrawn",))
        assert said[1] == "the context is empty, so there is nothing to compact"
        assert str(said[4]).startswith("nothing was done since checkpoint")
        assert home.session is not None
        context = str([message.content for message in home.session.agent.history.messages])
        assert "something else" in context
        assert "withdrawn" not in context
        assert home.bodies("main", Rewind)[-1].report == "In short."
        assert len(home.server.requests) == 3
        home.sound()
