"""Background jobs over the life of a session: started, stopped, told when they end, and lost with a kill."""

from app_kit import Desk, Serve, alive, by_step, until

from forkcli.core.entries import Message
from forkcli.models.scripted import Reply, call, newest_text, reply, say


def test_the_end_of_a_job_is_told_with_the_next_step(desk: Desk, serve: Serve) -> None:
    job = call("bash", command="sleep 0.5; echo result of it; exit 4", background=True)
    server = serve(by_step(reply(job), reply(call("bash", command="sleep 0.8")), reply("done")))
    assert desk.run("-p", "go").stdout == "done\n"
    started, _ = desk.results()
    assert "job j1 runs in the background" in started
    (message,) = desk.bodies(Message)
    assert (message.sender, message.file) == ("j1", "0001-j1.md")
    assert "exit code 4" in message.text
    assert "result of it" in message.text
    assert '<message from="j1">' in newest_text(server.requests[-1].body)
    assert desk.findings() == []


def test_a_job_ends_with_the_run_and_the_next_one_is_told(desk: Desk, serve: Serve) -> None:
    job = call("bash", command="sleep 61.61", background=True)
    server = serve(by_step(reply(job), reply("left it"), reply("I see")))
    assert desk.run("-p", "go").stdout == "left it\n"
    until(lambda: alive("61.61") == [])
    assert desk.run("-c", "-p", "is it running?").stdout == "I see\n"
    assert "background job ended when fork was stopped" in newest_text(server.requests[-1].body)
    assert len(desk.bodies(Message)) == 1


def test_a_job_lost_by_a_kill_is_told_once_on_resume_and_its_number_is_not_given_again(
    desk: Desk, serve: Serve
) -> None:
    job = call("bash", command="sleep 62.62", background=True)
    again = call("bash", command="sleep 62.62", background=True)
    serve(by_step(reply(job), Reply([say("x" * 90)], tokens_per_s=20), reply(again), reply("done")))
    running = desk.start("-p", "go")
    until(lambda: desk.results() and alive("62.62"))
    running.kill()
    running.wait()
    until(lambda: alive("62.62") == [])
    assert desk.run("-c", "-p").code == 0
    assert [body.job for body in desk.bodies(Message)] == ["j1"]
    assert desk.run("-c", "-p", "start it again").stdout == "done\n"
    assert "job j2" in desk.results()[-1]


def test_a_job_is_stopped_by_its_id_and_no_message_follows(desk: Desk, serve: Serve) -> None:
    steps = [
        reply(call("bash", command="echo begun; sleep 63.63", background=True)),
        reply(call("bash", stop="j1")),
        reply(call("bash", stop="j1")),
        reply("done"),
    ]
    serve(by_step(*steps))
    assert desk.run("-p", "go").stdout == "done\n"
    _, stopped, unknown = desk.results()
    assert "job j1 stopped" in stopped
    assert "begun" in stopped
    assert "no background job j1" in unknown
    assert alive("63.63") == []
    assert desk.bodies(Message) == []


def test_a_server_in_the_background_answers_the_next_command(desk: Desk, serve: Serve) -> None:
    server = "python3 -m http.server 8765 --bind 127.0.0.1"
    ask = "for i in $(seq 50); do curl -sf http://127.0.0.1:8765/README.md && exit; sleep 0.1; done; exit 9"
    steps = [
        reply(call("bash", command=server, background=True)),
        reply(call("bash", command=ask)),
        reply("served"),
    ]
    serve(by_step(*steps))
    assert desk.run("-p", "go").stdout == "served\n"
    assert "# A project" in desk.results()[1]
    until(lambda: alive("http.server 8765") == [])
