"""Rewinds as the shell and scripts see them: the verbs, their refusals, the tree, and the stream of objects."""

import json

import pytest
from app_kit import Desk, Serve
from fork_kit import answers, newest
from test_rewind_session import marks

from forkcli.core.entries import Prompt, Rewind
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, reply

REPORT = "Nothing there."


def script(request: Json) -> Reply:
    """Work, then go back with the files; whoever has a report goes on from it."""
    if "Write this report now" in newest(request):
        return reply(REPORT)
    if "<report" in newest(request):
        return reply("On from there.")
    if "BACK" in newest(request):
        return reply(call("rewind", to=marks(request)[0], report=REPORT, files="restore"))
    return reply(call("write", path="made.txt", content="x\n")) if answers(request) == 0 else reply("Well.")


def tree(desk: Desk) -> dict[str, Json]:
    return {row["agent"]: row for row in json.loads(desk.run("tree", "--json").stdout)["agents"]}


def test_a_rewind_of_the_models_is_an_object_of_the_stream_and_what_was_left_a_row(desk: Desk, serve: Serve) -> None:
    serve(script)
    desk.run("-p", "work")
    done = desk.run("-c", "-p", "BACK", "-o", "stream-json")
    (told,) = [line for line in done.objects if line["type"] == "rewind"]
    assert told["text"].startswith("<notice>")
    assert {key: told[key] for key in ("agent", "to", "by", "abandoned", "files", "restored", "removed", "report")} == {
        "agent": "main",
        "to": 3,
        "by": "agent",
        "abandoned": "f1",
        "files": "restore",
        "restored": ["made.txt"],
        "removed": ["made.txt"],
        "report": REPORT,
    }
    assert done.result["result"] == "On from there."
    assert [(row["agent"], row["state"]) for row in done.result["agents"]] == [("main", "done"), ("f1", "done")]
    row = tree(desk)["f1"]
    assert (row["kind"], row["parent"], row["state"], row["steps"]) == ("abandoned", "main", "done", 0)
    assert (row["task"], row["files"]["state"]) == ("BACK", "in_place")
    assert desk.run("show", "f1", "--report").stdout == f"{REPORT}\n"
    card = desk.run("show", "f1").stdout
    assert "agent    f1, what main was before it went back" in card
    assert "state    done" in card
    assert tree(desk)["main"]["files"]["changed"] == []
    assert desk.run("check").code == 0


def test_a_report_from_the_shell_names_the_agent_and_the_number_that_takes_it_back(desk: Desk, serve: Serve) -> None:
    serve(script)
    (desk.project / ".gitignore").write_text("*.log\n")
    (desk.project / "a.log").write_text("x\n")
    desk.run("-p", "work")
    by_hand = json.loads(desk.run("report", "3", "By hand.", "--json").stdout)
    assert (by_hand["to"], by_hand["left"]) == (3, "f1")
    assert by_hand["note"] == "Back at checkpoint 3. What came after it is f1 now."
    back = desk.run("rewind", str(by_hand["undo"]), "--files", "restore")
    assert back.stdout.strip().isdigit()
    assert back.stderr.startswith("not restored: a.log: ignored by git\nBack where you were at")
    written = json.loads(desk.run("report", "3", "--json").stdout)
    assert written["left"] == "f2"
    assert tree(desk)["f2"]["steps"] == 1
    assert [body.by for body in desk.bodies(Rewind)] == ["user", "user", "user"]
    assert desk.run("-c", "-p").stdout == "On from there.\n"
    assert desk.findings() == []


@pytest.mark.parametrize("prompt", ["", "go on"])
def test_the_files_that_a_rewind_leaves_changed_are_told_with_the_next_request(
    desk: Desk, serve: Serve, prompt: str
) -> None:
    server = serve(script)
    desk.run("-p", "work")
    assert desk.run("rewind", "3").code == 0
    assert desk.run("-c", "-p", *filter(None, [prompt])).stdout == "Well.\n"
    assert "as they are now: made.txt" in newest(server.requests[-2].body)


def test_an_agent_that_was_left_can_be_gone_on_with_and_taken_back_itself(desk: Desk, serve: Serve) -> None:
    serve(script)
    desk.run("-p", "work")
    desk.run("report", "3", "By hand.")
    desk.run("-c", "--agent", "f1", "-p", "what was it?")
    before = desk.run("rewind", "3", "--agent", "f1")
    assert before.code == 2
    assert "before f1 was forked" in before.stderr
    (mark, *_) = json.loads(desk.run("show", "f1", "--history", "--json").stdout)[-2:]
    assert mark["type"] == "checkpoint"
    assert desk.run("rewind", str(mark["seq"]), "--agent", "f1").code == 0
    assert tree(desk)["f1"]["steps"] == 1
    assert len(desk.bodies(Rewind)) == 1
    assert desk.findings() == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rewind", "abc"], 2, "no number of a checkpoint"),
        (["rewind", "٣"], 2, "no number of a checkpoint"),
        (["rewind", "9" * 30], 2, "no number of a checkpoint"),
        (["rewind", "0"], 2, "0"),
        (["rewind", "999"], 2, "main has no entry 999"),
        (["rewind"], 2, "N"),
        (["rewind", "3", "--files", "some"], 2, "keep or restore"),
        (["rewind", "3", "--agent", "f9"], 2, "there is no agent 'f9'"),
        (["rewind", "3", "--agent", "../x"], 2, "there is no agent"),
        (["rewind", "3", "--session", "none"], None, "session"),
        (["rewind", "3", "4"], 2, "quote it"),
        (["report", "x", "text"], 2, "no number of a checkpoint"),
        (["report", "999", "text"], 2, "999"),
    ],
)
def test_what_cannot_be_gone_back_to_is_said_and_nothing_is_done(
    desk: Desk, serve: Serve, words: list[str], code: int | None, said: str
) -> None:
    serve(script)
    desk.run("-p", "work")
    before = (desk.agent / "history.jsonl").read_bytes()
    done = desk.run(*words)
    assert done.code == code if code is not None else done.code in {1, 2}
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert (desk.agent / "history.jsonl").read_bytes() == before
    assert len(list(desk.session.glob("agents/*"))) == 1


def test_a_session_that_another_process_holds_is_not_taken_back(desk: Desk, serve: Serve) -> None:
    serve(lambda _: Reply([], delay_s=60))
    running = desk.start("-p", "work")
    desk.wait_for(Prompt)
    for verb in (["rewind", "3"], ["report", "3", "text"]):
        done = desk.run(*verb)
        assert done.code == 1
        assert str(running.pid) in done.stderr
    assert desk.bodies(Rewind) == []
