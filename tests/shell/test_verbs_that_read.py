"""ls, tree, show, check, tell, /context and /cost on real files."""

from pathlib import Path

import pytest
from made import answer, call, checkpoint, finished, made, prompt, result

from forkcli.commands.check import check
from forkcli.commands.context import context_fill
from forkcli.commands.cost import cost_rows
from forkcli.commands.found import read_found
from forkcli.commands.ls import list_sessions
from forkcli.commands.show import agent_view, context_json, first_prompt, history_view
from forkcli.commands.tell import tell
from forkcli.commands.tree import session_tree
from forkcli.core import entries as e
from forkcli.core.history import History
from forkcli.core.ids import CallId
from forkcli.core.views import State
from forkcli.errors import ForkError
from forkcli.store.inbox import MESSAGE_LIMIT, Inbox
from forkcli.store.lock import lock_session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    return place


def test_sessions_are_listed_with_what_they_came_to(folder: Path) -> None:
    assert list_sessions(folder) == []
    one = made(folder, finished())
    (row,) = list_sessions(folder)
    assert (row.session, row.title, row.state, row.agents, row.cost_usd) == (one.id, "fix the bug", "done", 1, 0.5)
    assert row.created.endswith("Z")
    two = made(folder, [prompt("next")], "next")
    assert {row.session for row in list_sessions(folder)} == {one.id, two.id}
    assert len(list_sessions(folder, 1)) == 1


@pytest.mark.parametrize(
    ("bodies", "state"),
    [
        (finished(), "done"),
        ([], "idle"),
        ([prompt("x"), checkpoint()], "stopped"),
        ([prompt("x"), checkpoint(), e.Failure("unavailable", "no API")], "failed"),
        ([prompt("x"), checkpoint(), e.Interrupt("user")], "stopped"),
        ([prompt("x"), checkpoint(), e.Interrupt("limit", "steps")], "limit"),
        ([prompt("x"), checkpoint(), answer("no", stop="refusal")], "failed"),
        ([prompt("x"), checkpoint(), answer("", call("bash", 1)), e.ToolStart(CallId("c1"), "bash")], "stopped"),
    ],
)
def test_a_sessions_state_follows_from_its_history(folder: Path, bodies: list[e.Body], state: State) -> None:
    made(folder, bodies)
    assert list_sessions(folder)[0].state == state
    assert session_tree(folder, None).agents[0].state == state


def test_a_session_that_a_process_holds_runs_or_waits(folder: Path) -> None:
    running = made(folder, [prompt("x"), checkpoint()])
    with lock_session(running.folder):
        assert session_tree(folder, running.id).agents[0].state == "running"
    waiting = made(folder, finished())
    with lock_session(waiting.folder):
        assert session_tree(folder, waiting.id).agents[0].state == "idle"


def test_a_damaged_session_does_not_hide_the_others(folder: Path) -> None:
    broken, whole = made(folder, finished()), made(folder, finished())
    (broken.agent / "history.jsonl").write_bytes(b"{}\n")
    states = {row.session: row.state for row in list_sessions(folder)}
    assert states == {broken.id: "damaged", whole.id: "done"}


def test_a_tree_has_a_row_an_agent(folder: Path) -> None:
    made(folder, finished("fix\nthe bug"))
    (row,) = session_tree(folder, None).agents
    assert (row.agent, row.kind, row.parent, row.at, row.task, row.steps) == ("main", "main", None, None, "fix", 2)
    assert (row.usage.cache_read_input_tokens, row.cost_usd, row.first_cache_share) == (160, 0.5, 0.8)
    assert row.files.changed == ("src/a.py",)


def test_a_session_is_found_by_a_unique_end_and_unknown_ones_are_named(folder: Path) -> None:
    one = made(folder, finished())
    assert session_tree(folder, one.id[-3:]).session == one.id
    with pytest.raises(ForkError, match="nothing-like-this"):
        session_tree(folder, "nothing-like-this")
    with pytest.raises(ForkError, match="no agent 'f7'"):
        read_found(folder, None, "f7")


@pytest.mark.parametrize("name", ["../../../etc", "main/..", "", "MAIN"])
def test_an_agents_name_is_never_a_path(folder: Path, name: str) -> None:
    made(folder, finished())
    with pytest.raises(ForkError):
        tell(folder, None, name or "..", "hello")


def test_an_agent_is_shown_from_its_files(folder: Path) -> None:
    one = made(folder, finished())
    found = read_found(folder, None, None)
    view = agent_view(found)
    assert (view.session, view.model, view.prompt, view.answer) == (one.id, "opus", "fix the bug", "It is fixed.")
    assert view.folder == str(one.agent)
    entries = history_view(found)
    assert [entry["seq"] for entry in entries.entries] == list(range(1, 11))
    assert not any("crc32" in entry for entry in entries.entries)
    assert "It is fixed." in entries.transcript
    assert entries.transcript.encode() == (one.agent / "transcript.md").read_bytes()
    context = context_json(found)
    assert list(context) == ["system", "tools", "messages"]
    assert [message["role"] for message in context["messages"]] == ["user", "assistant", "user", "assistant"]


def test_the_first_prompt_is_shown_whatever_bytes_it_holds(folder: Path) -> None:
    made(folder, finished(), "caf\udce9 — ok")
    assert first_prompt(folder, None) == "caf\ufffd — ok"


def test_a_damaged_line_is_told_and_the_rest_is_shown(folder: Path) -> None:
    one = made(folder, finished())
    lines = (one.agent / "history.jsonl").read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][:40] + b"X" + lines[4][41:]
    (one.agent / "history.jsonl").write_bytes(b"".join(lines))
    found = read_found(folder, None, None)
    assert [damage.line_no for damage in found.damage] == [5]
    assert agent_view(found).answer == "It is fixed."
    view = check(folder, None)
    assert not view.ok
    assert "line 5" in view.findings[0].sentence


def test_whole_files_are_proved_and_nothing_is_written(folder: Path) -> None:
    one = made(folder, finished())
    before = {path: path.stat().st_mtime_ns for path in one.folder.rglob("*")}
    view = check(folder, one.id)
    assert (view.ok, view.agents, view.findings) == (True, 1, ())
    assert {path: path.stat().st_mtime_ns for path in one.folder.rglob("*")} == before


def test_a_changed_context_is_an_error_and_a_short_one_a_note(folder: Path) -> None:
    one = made(folder, finished())
    path = one.agent / "context.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rstrip().rfind(b"\n") + 1])
    assert [one.severity for one in check(folder, None).findings] == ["note"]
    assert check(folder, None).ok
    path.write_bytes(whole.replace(b"fixed", b"fiXed"))
    assert not check(folder, None).ok


def test_a_message_is_left_whole_also_while_the_session_is_held(folder: Path) -> None:
    one = made(folder, finished())
    assert tell(folder, None, "main", "hello\x1b[31m ünïcode").running is False
    with lock_session(one.folder):
        assert tell(folder, one.id, "main", "second").running is True
    taken = Inbox(one.agent / "inbox", folder).take()
    assert [(sender, said) for sender, said, _ in taken] == [("user", "hello\x1b[31m ünïcode"), ("user", "second")]


@pytest.mark.parametrize("words", ["", " \n", "x" * (MESSAGE_LIMIT + 1)])
def test_an_empty_or_endless_message_is_refused(folder: Path, words: str) -> None:
    made(folder, finished())
    with pytest.raises(ForkError):
        tell(folder, None, "main", words)


def test_what_fills_a_context_adds_up_to_the_whole() -> None:
    instructions = '<project-file path="AGENTS.md">\n' + "be kind " * 100 + "\n</project-file>"
    said = e.Prompt("x", ({"type": "text", "text": instructions}, {"type": "text", "text": "x"}))
    bodies = [said, *finished()[1:]]
    history = History.of(e.Entry(e.Seq(n), "", body) for n, body in enumerate(bodies, 1))
    view = context_fill(history, 200_000)
    assert abs(sum(row.tokens for row in view.kinds) - history.context_tokens()) <= len(view.kinds)
    kinds = {row.what: row for row in view.kinds}
    assert kinds["results of read"].tokens > kinds["results of edit"].tokens
    assert kinds["project files"].count == 1
    assert {row.what for row in view.files} == {"src/a.py", "AGENTS.md"}
    assert list(view.kinds) == sorted(view.kinds, key=lambda row: (-row.tokens, row.what))


def test_what_a_rewind_handed_over_is_a_kind_of_its_own() -> None:
    told = '<notice>You are back.</notice>\n<report from="f1">\nx\n</report>\n<ledger since="3">\ny\n</ledger>'
    bodies = [prompt("x"), checkpoint(), e.Rewind(e.Seq(2), "user", "x", told), checkpoint()]
    history = History.of(e.Entry(e.Seq(n), "", body) for n, body in enumerate(bodies, 1))
    assert {"prompts and messages", "reports and ledgers"} == {row.what for row in context_fill(history).kinds}


def test_an_empty_context_is_filled_by_nothing() -> None:
    assert context_fill(History()).kinds == ()


def test_costs_are_summed_by_model_and_unknown_ones_stay_unknown() -> None:
    other = e.Assistant(({"type": "text", "text": "x"},), "end_turn", e.Usage(1), "local")
    bodies = [*finished(), prompt("more"), checkpoint(), other]
    view = cost_rows([History.of(e.Entry(e.Seq(n), "", body) for n, body in enumerate(bodies, 1))])
    assert [(row.model, row.steps, row.cost_usd) for row in view.rows] == [("opus", 2, 0.5), ("local", 1, None)]
    assert (view.steps, view.usage.input_tokens, view.cost_usd) == (3, 21, 0.5)
    assert cost_rows([History()]).rows == ()


def test_results_of_unknown_calls_do_not_break_the_view() -> None:
    bodies = [prompt("x"), checkpoint(), answer("", call("bash", 1, command="ls")), result("bash", 1), checkpoint()]
    history = History.of(e.Entry(e.Seq(n), "", body) for n, body in enumerate(bodies, 1))
    assert {"results of bash", "tool calls"} <= {row.what for row in context_fill(history).kinds}
