"""`fork init`: an agent drafts AGENTS.md, the difference is shown, and it is written only when somebody agrees."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from app_kit import Desk, Serve, by_step, until
from test_repl_driver import driver_in

from forkcli.app.agents_md import DRAFT
from forkcli.app.slashes import slashes_for
from forkcli.core.entries import Prompt, ToolResult, ToolStart
from forkcli.core.messages import Block, Json
from forkcli.errors import ForkError
from forkcli.models.scripted import Reply, call, reply
from forkcli.ui.ports import Choice, Lines

TEXT = "# Calc\n\nTests: `make test`, 2 s.\n"


def drafts(text: str = TEXT) -> Block:
    return call("write", path=DRAFT, content=text)


def agents(desk: Desk) -> str | None:
    path = desk.project / "AGENTS.md"
    return path.read_text() if path.exists() else None


def test_the_difference_is_the_output_and_nothing_is_written_unasked(desk: Desk, serve: Serve) -> None:
    server = serve(reply(drafts()), reply("I ran the tests: 3 passed."))
    done = desk.run("init")
    assert done.code == 0
    assert done.stdout.startswith("--- /dev/null\n+++ b/AGENTS.md\n")
    assert "+Tests: `make test`, 2 s." in done.stdout
    assert "I ran the tests: 3 passed." in done.stderr
    assert agents(desk) is None
    assert "--yes writes it" in done.stderr
    assert not (desk.project / DRAFT).exists()
    (kept,) = (desk.agent / "outputs").glob("*-AGENTS.md")
    assert kept.read_text() == TEXT
    assert DRAFT in json.dumps(server.requests[0].body)
    assert [prompt.text for prompt in desk.bodies(Prompt)] == ["/init"]
    assert desk.findings() == []


def test_with_yes_it_is_written(desk: Desk, serve: Serve) -> None:
    serve(reply(drafts()), reply("done"))
    assert desk.run("init", "--yes").code == 0
    assert agents(desk) == TEXT


def test_an_existing_file_is_what_the_draft_begins_with(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_text("# Calc\n\nMy own rule.\n")
    serve(
        reply(call("edit", path=DRAFT, old_str="rule.\n", new_str="rule.\n\nTests: `make test`.\n")),
        reply("done"),
    )
    done = desk.run("init", "-y", "--json")
    value = json.loads(done.stdout)
    assert (value["written"], value["path"]) == (True, "AGENTS.md")
    assert value["diff"].splitlines()[-2:] == ["+", "+Tests: `make test`."]
    assert agents(desk) == "# Calc\n\nMy own rule.\n\nTests: `make test`.\n"


def test_a_file_that_needs_nothing_stays(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_text(TEXT)
    serve(reply("It is fine."))
    done = desk.run("init", "--yes")
    assert (done.code, done.stdout, agents(desk)) == (0, "", TEXT)
    assert "stays as it is" in done.stderr


@pytest.mark.parametrize("old", [None, "mine\n"])
def test_an_agent_that_writes_the_file_itself_has_only_made_a_draft(desk: Desk, serve: Serve, old: str | None) -> None:
    if old is not None:
        (desk.project / "AGENTS.md").write_text(old)
    serve(reply(call("write", path="AGENTS.md", content=TEXT)), reply("done"))
    done = desk.run("init")
    assert done.code == 0
    assert "+Tests: `make test`" in done.stdout
    assert agents(desk) == old


def test_an_agent_that_drafts_nothing_is_an_error(desk: Desk, serve: Serve) -> None:
    serve(reply("I would rather not."))
    done = desk.run("init", "--yes")
    assert done.code == 1
    assert "has written no draft" in done.stderr
    assert agents(desk) is None


def test_a_turn_that_did_not_end_writes_nothing(desk: Desk, serve: Serve) -> None:
    serve(reply(drafts()), reply(call("read", path="a")), reply("never"))
    done = desk.run("--max-steps", "2", "init", "--yes")
    assert (done.code, agents(desk)) == (3, None)


# --- a turn that was cut off ------------------------------------------------------------------------------------------

HELD = call("bash", command="echo mine > AGENTS.md; until [ -e never ]; do sleep 0.05; done")


def killed_drafting(desk: Desk, serve: Serve, old: str | None, *further: Reply) -> None:
    """A `fork init` that was killed when its agent had written a draft, and AGENTS.md itself against its word."""
    if old is not None:
        (desk.project / "AGENTS.md").write_text(old)
    serve(reply(drafts()), reply(HELD), *further)
    running = desk.start("init")
    until(lambda: agents(desk) == "mine\n")
    running.kill()
    running.wait()
    assert agents(desk) == "mine\n"


@pytest.mark.parametrize("old", [None, "my own rule\n"])
def test_what_a_killed_turn_made_of_the_file_is_undone_by_whoever_comes_next(
    desk: Desk, serve: Serve, old: str | None
) -> None:
    killed_drafting(desk, serve, old, reply("hello"), reply("hello"))
    done = desk.run("-p", "hi")
    assert done.code == 0
    assert agents(desk) == old
    assert "`fork init` was cut off in session" in done.stderr
    assert "AGENTS.md is as it was before" in done.stderr
    kept = sorted(path.read_text() for path in desk.project.glob(".fork/sessions/*/agents/main/outputs/*-AGENTS.md"))
    assert kept == [TEXT, "mine\n"]
    assert not (desk.project / DRAFT).exists()
    assert "cut off" not in desk.run("-p", "hi").stderr


def test_a_killed_turn_is_gone_on_with_and_its_draft_is_kept_and_not_written(desk: Desk, serve: Serve) -> None:
    killed_drafting(desk, serve, "my own rule\n", reply("I ran the tests."))
    done = desk.run("-c", "-p")
    assert (done.code, done.stdout) == (0, "I ran the tests.\n")
    assert agents(desk) == "my own rule\n"
    kept = sorted((desk.agent / "outputs").glob("*-AGENTS.md"))
    assert f"AGENTS.md is not written: the draft is {kept[-1].relative_to(desk.project)}" in done.stderr
    assert kept[-1].read_text() == TEXT
    assert not (desk.project / DRAFT).exists()
    assert not (desk.project / ".fork/agents-md.json").exists()
    assert desk.findings() == []


def test_a_turn_that_was_stopped_goes_on_with_the_draft_that_it_had(desk: Desk, serve: Serve) -> None:
    more = call("edit", path=DRAFT, old_str="2 s.", new_str="3 s.")
    serve(reply(drafts()), reply(call("read", path=DRAFT)), reply(more), reply("done"))
    assert desk.run("--max-steps", "2", "init").code == 3
    assert not (desk.project / DRAFT).exists()
    done = desk.run("-c", "-p")
    assert done.code == 0
    assert max((desk.agent / "outputs").glob("*-AGENTS.md")).read_text() == TEXT.replace("2 s.", "3 s.")
    assert agents(desk) is None


def test_what_a_person_wrote_after_the_kill_stays(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_text("my own rule\n")
    killed: list[bool] = []
    steps = by_step(reply(drafts()), reply(call("bash", command="echo mine > AGENTS.md")), reply("never read"))

    async def script(request: Json) -> Reply:
        while len(request["messages"]) > 4 and not killed:
            await asyncio.sleep(0.01)
        return reply("hello") if killed else steps(request)

    serve(script)
    running = desk.start("init")
    desk.wait_for(ToolResult, 2)
    running.kill()
    running.wait()
    killed.append(True)
    (desk.project / "AGENTS.md").write_text("typed by hand\n")
    os.utime(desk.project / "AGENTS.md", (time.time() + 60, time.time() + 60))
    done = desk.run("-p", "hi")
    assert agents(desk) == "typed by hand\n"
    assert "AGENTS.md has been changed since and is left as it is; what it was before is" in done.stderr
    kept = desk.project.glob(".fork/sessions/*/agents/main/outputs/*-AGENTS.md")
    assert "my own rule\n" in [path.read_text() for path in kept]


def test_what_a_person_writes_while_it_is_drafted_is_kept(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_text("my own rule\n")
    waits = call("bash", command="until [ -e go ]; do sleep 0.05; done")
    serve(reply(drafts()), reply(waits), reply("done"))
    running = desk.start("init")
    desk.wait_for(ToolResult)
    (desk.project / "AGENTS.md").write_text("typed by hand\n")
    (desk.project / "go").touch()
    assert running.wait() == 0
    assert "AGENTS.md is as it was before; what lay there is .fork/sessions/" in running.stderr
    assert "typed by hand\n" in [path.read_text() for path in (desk.agent / "outputs").glob("*-AGENTS.md")]


def test_the_file_is_drafted_by_one_process_at_a_time(desk: Desk, serve: Serve) -> None:
    serve(reply(call("bash", command="until [ -e go ]; do sleep 0.05; done")), reply("nothing to say"))
    running = desk.start("init")
    desk.wait_for(ToolStart)
    second = desk.run("init")
    assert second.code == 1
    assert f"AGENTS.md is being drafted by process {running.pid}" in second.stderr
    (desk.project / "go").touch()
    assert running.wait() == 1


def test_a_note_of_a_draft_that_came_with_the_project_changes_nothing(desk: Desk, serve: Serve) -> None:
    serve(reply("hello"), reply("hello"))
    assert desk.run("-p", "hi").code == 0
    note = {"session": desk.session.name, "agent": "main", "text": "obey\n", "link": None, "mode": None}
    (desk.project / ".fork/agents-md.json").write_text(json.dumps(note))
    (desk.project / ".fork/agents-md.json").chmod(0o644)
    assert desk.run("-p", "hi").code == 0
    assert agents(desk) is None


def test_a_file_that_is_no_text_is_left_alone(desk: Desk, serve: Serve) -> None:
    (desk.project / "AGENTS.md").write_bytes(b"\xff\xfe\x00")
    server = serve(reply("never"))
    done = desk.run("init", "--yes")
    assert (done.code, server.requests) == (1, [])
    assert "AGENTS.md is not text in UTF-8" in done.stderr


def test_a_file_that_leads_out_of_the_project_is_left_alone(desk: Desk, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("outside\n")
    (desk.project / "AGENTS.md").symlink_to(tmp_path / "elsewhere")
    serve(reply("never"))
    assert desk.run("init", "--yes").code == 1
    assert (tmp_path / "elsewhere").read_text() == "outside\n"


def test_options_of_a_run_may_stand_before_it_and_a_prompt_may_not(desk: Desk, serve: Serve) -> None:
    serve(reply(drafts()), reply("done"))
    assert desk.run("-m", "claude-haiku-4-5", "--max-cost", "5", "init").code == 0
    assert desk.run("--until", "true", "init").code == 2
    assert desk.run("--access", "read", "init").code == 1


async def init_in(project: Path, *words: str, replies: tuple[Reply, ...]) -> list[object]:
    """What `/init` shows, and then each of the words that are picked."""
    async with driver_in(project, *replies) as driver:
        slash = next(slash for slash in slashes_for(driver) if slash.name == "init")
        return [await slash.run(word) for word in ("", *words)]


async def test_in_the_repl_the_person_sees_the_difference_and_picks(project: Path) -> None:
    shown = await init_in(project, "write", replies=(reply(drafts()), reply("done")))
    assert isinstance(shown[0], Choice)
    assert shown[0].about is not None
    assert "+Tests: `make test`, 2 s." in shown[0].about.text
    assert shown[1] == Lines("AGENTS.md is written.")
    assert (project / "AGENTS.md").read_text() == TEXT


async def test_in_the_repl_a_no_writes_nothing(project: Path) -> None:
    shown = await init_in(project, "leave", replies=(reply(drafts()), reply("done")))
    assert isinstance(shown[1], Lines)
    assert "Nothing was written" in shown[1].text
    assert not (project / "AGENTS.md").exists()


async def test_a_file_that_the_person_edits_meanwhile_is_not_written_over(project: Path) -> None:
    async with driver_in(project, reply(drafts()), reply("done")) as driver:
        slash = next(slash for slash in slashes_for(driver) if slash.name == "init")
        await slash.run("")
        (project / "AGENTS.md").write_text("typed by hand\n")
        with pytest.raises(ForkError, match="has changed meanwhile"):
            await slash.run("write")
    assert (project / "AGENTS.md").read_text() == "typed by hand\n"


async def test_a_command_that_is_cancelled_stops_its_turn_and_puts_that_on_record(project: Path) -> None:
    async with driver_in(project, reply(call("bash", command="sleep 60"))) as driver:
        slash = next(slash for slash in slashes_for(driver) if slash.name == "init")
        running = asyncio.create_task(slash.run(""))
        while not driver.history.open_calls:
            await asyncio.sleep(0.01)
        running.cancel()
        assert await running == Lines("AGENTS.md stays as it was.")
        assert driver.history.halt is not None


def test_notes_outlive_their_session_and_are_named_to_the_next(desk: Desk, serve: Serve) -> None:
    server = serve(
        reply(call("bash", command="echo 'the tests need a clock' > .fork/notes/testing.md")),
        reply("noted"),
        reply("ok"),
    )
    assert desk.run("-p", "first").code == 0
    assert desk.run("-p", "second").code == 0
    assert "Notes of earlier sessions: .fork/notes/ (testing.md)." in json.dumps(server.requests[-1].body)
    assert len(desk.sessions) == 2
