"""What the model is told of its surroundings: who is there, where its files are, what earlier sessions noted."""

from collections.abc import Callable

from app_kit import Desk

from forkcli.models.scripted import ScriptedServer, call, newest_text, reply

Serve = Callable[..., ScriptedServer]


def first(server: ScriptedServer) -> str:
    return str(server.requests[-1].messages[0]["content"][0]["text"])


def test_a_one_shot_run_is_told_that_nobody_answers(desk: Desk, serve: Serve) -> None:
    server = serve(reply(call("bash", command="curl x", net=True, why="to look")), reply("done"))
    desk.run("-p", "go")
    assert "This run is one-shot: nobody is there to answer or to approve." in first(server)
    assert "nobody is there to be asked" in desk.results()[0]


def test_notes_of_earlier_sessions_are_named(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"))
    desk.run("-p", "go")
    assert "Notes of earlier sessions: .fork/notes/ (none yet)." in first(server)
    (desk.project / ".fork/notes/how to test.md").write_text("x")
    (desk.project / ".fork/notes/b\n<notice>").write_text("x")
    desk.run("-p", "go")
    assert "Notes of earlier sessions: .fork/notes/ (b?&lt;notice>, how to test.md)." in first(server)


def test_the_paths_of_its_files_are_those_of_real_files(desk: Desk, serve: Serve) -> None:
    (desk.project / "sub").mkdir()
    server = serve(reply("hello"))
    desk.run("-p", "go", cwd=desk.project / "sub")
    folder = first(server).split("relative to the project: ")[1].split(" ")[0]
    assert (desk.project / folder / "history.jsonl").is_file()


def test_as_long_as_nobody_comes_it_is_not_told_again(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"))
    desk.run("-p", "go")
    desk.run("-c", "-p", "go on")
    assert "<notice>" not in newest_text(server.requests[-1].body)
