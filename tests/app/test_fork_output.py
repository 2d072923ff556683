"""What scripts and people see of forks: the result's rows, the events of a stream, the tree, a fork's own files."""

import json

from app_kit import Desk, Serve
from fork_kit import by_agent, forks

from forkcli.core.messages import Json
from forkcli.models.scripted import call, fail, reply

PLAN = {
    "main": [reply(forks("look around", {"task": "go deeper", "access": "read"}, "fail")), reply("All done.")],
    "f1": [reply(call("write", path="made.txt", content="by f1\n")), reply("f1 made made.txt.")],
    "f2": [reply(forks("the deepest")), reply("f2 has heard.")],
    "f3": [fail("status", 400)],
}
NAMES = ["main", "f1", "f2", "f3", "f4"]


def family(desk: Desk, serve: Serve, *words: str) -> list[Json]:
    serve(by_agent(PLAN))
    done = desk.run("-p", "fork", *words)
    assert done.code == 0, done.stderr
    return done.objects if "json" in " ".join(words) else []


def test_the_result_has_a_row_for_every_agent_with_its_state(desk: Desk, serve: Serve) -> None:
    (result,) = family(desk, serve, "-o", "json")
    rows = {row["agent"]: row for row in result["agents"]}
    assert sorted(rows) == sorted(NAMES)
    states = {name: row["state"] for name, row in rows.items()}
    assert states == {"main": "done", "f1": "done", "f2": "done", "f3": "failed", "f4": "done"}
    assert sum(row["steps"] for row in rows.values()) == result["num_turns"]
    assert rows["f1"]["first_cache_share"] > 0.5
    assert result["result"] == "All done."


def test_a_stream_tells_each_fork_and_each_report_with_the_agent_it_belongs_to(desk: Desk, serve: Serve) -> None:
    objects = family(desk, serve, "-o", "stream-json")
    forked = [(o["agent"], [child["agent"] for child in o["children"]]) for o in objects if o["type"] == "fork"]
    assert forked == [("main", ["f1", "f2", "f3"]), ("f2", ["f4"])]
    reported = {o["from"]: (o["agent"], o["status"]) for o in objects if o["type"] == "report"}
    assert reported == {
        "f1": ("main", "done"),
        "f2": ("main", "done"),
        "f3": ("main", "failed"),
        "f4": ("f2", "done"),
    }
    assert objects[-1]["type"] == "result"
    assert {o["agent"] for o in objects if o["type"] == "assistant"} == set(NAMES) - {"f3"}


def test_the_text_output_is_the_root_agents_answer_alone(desk: Desk, serve: Serve) -> None:
    serve(by_agent(PLAN))
    done = desk.run("-p", "fork")
    assert done.stdout == "All done.\n"
    assert (desk.project / "made.txt").read_text() == "by f1\n"


def test_the_tree_shows_every_fork_under_its_parent(desk: Desk, serve: Serve) -> None:
    family(desk, serve)
    rows = json.loads(desk.run("tree", "--json").stdout)["agents"]
    shown = [(row["agent"], row["kind"], row["parent"], row["state"]) for row in rows]
    assert shown == [
        ("main", "main", None, "done"),
        ("f1", "fork", "main", "done"),
        ("f2", "fork", "main", "done"),
        ("f4", "fork", "f2", "done"),
        ("f3", "fork", "main", "failed"),
    ]
    assert [row["task"] for row in rows[1:]] == ["look around", "go deeper", "the deepest", "fail"]
    assert rows[1]["at"] < rows[3]["at"]
    lines = desk.run("tree").stdout.splitlines()
    places = [next(n for n, line in enumerate(lines) if name in line) for name in ("main", "f1", "f2", "f4", "f3")]
    assert places == sorted(places)


def test_check_proves_every_agent_and_finds_a_fork_that_was_touched(desk: Desk, serve: Serve) -> None:
    family(desk, serve)
    assert desk.run("check").code == 0
    context = desk.session / "agents/f1/context.jsonl"
    context.write_bytes(context.read_bytes().replace(b"f1 made", b"f1 broke"))
    done = desk.run("check")
    assert done.code == 1
    assert "f1" in done.stdout + done.stderr


def test_show_tells_a_forks_whole_context_history_and_report(desk: Desk, serve: Serve) -> None:
    family(desk, serve)
    context = json.loads(desk.run("show", "f4", "--context", "--json").stdout)
    assert [message["role"] for message in context["messages"]] == ["user", "assistant"] * 3
    assert "You are f4 now, a fork of f2" in json.dumps(context["messages"][4])
    assert context["tools"]
    entries = json.loads(desk.run("show", "f1", "--history", "--json").stdout)
    assert [entry["seq"] for entry in entries] == sorted(entry["seq"] for entry in entries)
    assert [entry["type"] for entry in entries].count("agent") == 2
    assert desk.run("show", "f1", "--report").stdout == "f1 made made.txt.\n"
    assert "+by f1" in desk.run("show", "f1", "--diff").stdout
    assert desk.run("show", "main", "--report").code == 1
    shown = desk.run("show", "f1").stdout
    assert "last prompt:\n  look around" in shown
    assert (desk.session / "agents/f1/report.md").read_text() == "f1 made made.txt.\n"
    assert (desk.session / "agents/f3/report.md").read_text().startswith("(")


def test_the_transcripts_tell_of_forks_and_reports(desk: Desk, serve: Serve) -> None:
    family(desk, serve)
    told = (desk.agent / "transcript.md").read_text()
    for words in ("f1", "look around", "f3", "failed", "f1 made made.txt."):
        assert words in told
    assert "You are f1 now" in (desk.session / "agents/f1/transcript.md").read_text()
