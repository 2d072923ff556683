"""`fork init`: an agent drafts AGENTS.md, the difference is shown, and it is written only when somebody agrees."""

import asyncio
import json
from pathlib import Path

import pytest
from app_kit import Desk, Serve
from test_repl_driver import driver_in

from forkcli.app.initiating import DRAFT
from forkcli.app.slashes import slashes_for
from forkcli.core.entries import Prompt
from forkcli.core.messages import Block
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
