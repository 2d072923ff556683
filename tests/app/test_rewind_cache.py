"""What a rewind saves: the checkpoint's whole context comes from the cache, and nothing is read or answered twice."""

from pathlib import Path

from fork_kit import answers, block_text, blocks, den, forks, newest, whose
from test_rewind_session import marks, user

from forkcli.app.wayback import Wayback
from forkcli.core.entries import Checkpoint, Rewind, ToolResult
from forkcli.core.ids import Seq
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, reply
from forkcli.models.scripted.record import Recorded
from forkcli.ui.rewindable import RewindOrder

LONG = "word " * 2000
READ = call("read", path="README.md")


def script(request: Json) -> Reply:
    """Read once for each prompt, then answer."""
    if "Write this report now" in newest(request):
        return reply("It is nothing.")
    return reply(READ) if "PROMPT" in newest(request) and "<report" not in newest(request) else reply("Well.")


def size(request: Recorded) -> int:
    """Tokens of a whole request."""
    parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum((request.usage or {})[part] for part in parts)


def read(request: Recorded) -> int:
    return int((request.usage or {})["cache_read_input_tokens"])


def of(requests: list[Recorded], seq: int) -> Recorded:
    """The request that ended with this checkpoint."""
    return next(one for one in requests if marks(one.body)[-1] == seq)


def test_after_a_users_rewind_and_a_resume(project: Path) -> None:
    with den(project, script) as home:

        async def back(way: Wayback) -> object:
            steps = [step.to for row in way.rows() for step in row.steps]
            return await way.rewind(RewindOrder(steps[0], "conversation"))

        user(home, back, prompts=(f"PROMPT {LONG}", f"PROMPT {LONG}"))
        (rewind,) = home.bodies("main", Rewind)
        home.resume()
        last = home.server.requests[-1]
        assert read(last) >= size(of(home.server.requests, rewind.to)) - 1
        home.sound()


def test_after_a_compaction_and_back_across_it(project: Path) -> None:
    with den(project, script) as home:

        async def compact(way: Wayback) -> object:
            await way.compact("")
            await home.turn("PROMPT after it")
            first = home.server.requests[0]
            assert read(home.server.requests[-1]) >= size(first) - 1
            return None

        async def across(way: Wayback) -> object:
            undo = next(row for row in way.rows() if row.undo)
            await way.rewind(RewindOrder(undo.to, "conversation"))
            await home.turn("PROMPT before it")
            return None

        user(home, compact, across, prompts=(f"PROMPT {LONG}", f"PROMPT {LONG}"))
        numbers = [entry.seq for entry in home.own("main") if isinstance(entry.body, Checkpoint)]
        before = of(home.server.requests, numbers[3])  # the last one before the compaction
        again = next(one for one in home.server.requests if "PROMPT before it" in newest(one.body))
        assert read(again) >= size(before) - 1
        home.sound()


def test_in_a_fork_that_goes_back_to_its_task(project: Path) -> None:
    def plan(request: Json) -> Reply:
        if whose(request) == "main":
            return reply(forks("look")) if answers(request) == 0 else reply("So.")
        if "<report" in newest(request):
            return reply("Nothing.")
        own = [n for n in marks(request) if n > 5]
        return reply(READ) if len(own) == 1 else reply(call("rewind", to=own[0], report="Nothing there."))

    with den(project, plan) as home:
        assert home.ask(f"PROMPT {LONG}").status == "done"
        first, _, last = home.requests("f1")
        assert read(last) >= size(first) - 1
        assert home.line_one("f2").parent == "f1"
        home.sound()


def test_a_model_that_follows_the_ledger_reads_and_answers_nothing_twice(project: Path) -> None:
    for n in range(4):
        (project / f"part{n}.txt").write_text(f"part {n}\n")

    def follows(request: Json) -> Reply:
        """Reads what it has neither read nor is told to have read; goes back half-way; answers what is not answered."""
        said = [block_text(block) for message in request["messages"] for block in blocks(message)]
        told = next((text for text in reversed(said) if "<ledger" in text), "")
        shown = [
            n for n in range(4) if f"part{n}.txt" in told or any(text.startswith(f"     1\tpart {n}") for text in said)
        ]
        missing = [n for n in range(4) if n not in shown]
        if len(missing) == 2 and not told:
            return reply(call("rewind", to=marks(request)[0], report="Two are fine."))
        if missing:
            return reply(call("read", path=f"part{missing[0]}.txt"))
        return reply("All four are fine." if "you answered" not in told else "As I said.")

    with den(project, follows) as home:

        async def again(way: Wayback) -> object:
            await way.report(Seq(marks(home.server.requests[0].body)[0]), "They are fine.")
            return await home.again()

        user(home, again, prompts=("look at all parts",))
        paths = [entry.body for entry in home.own("main") if isinstance(entry.body, ToolResult)]
        assert [result.name for result in paths] == ["read"] * 4
        said = [block_text(block) for block in home.history("main").messages[-1].content]
        assert said == ["As I said."]
        home.sound()


def test_many_reports_to_the_same_place_keep_the_first_prompt_in_the_cache(project: Path) -> None:
    with den(project, script) as home:

        async def often(way: Wayback) -> object:
            for n in range(4):
                await way.report(Seq(3), f"Report {n}.")
                await home.again()
            return None

        user(home, often, prompts=(f"PROMPT {LONG}",))
        first, *others = home.server.requests
        assert all(read(one) >= size(first) - 1 for one in others)
        told = newest(home.server.requests[-1].body)
        assert [f"Report {n}." in told for n in range(4)] == [True] * 4
        home.sound()
