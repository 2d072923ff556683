"""Background jobs over the life of a session: started, stopped, told when they end, and lost with a kill."""

from app_kit import Desk, Serve, alive, by_step, until

from forkcli.core.entries import Message
from forkcli.core.messages import Json
from forkcli.models.scripted import Reply, call, newest_text, reply, say


def test_the_end_of_a_job_is_told_with_the_next_step(desk: Desk, serve: Serve) -> None:
    job = call("bash", command="until test -e go; do sleep 0.02; done; echo result of it; exit 4", background=True)
    told = "touch go; until ls .fork/sessions/*/agents/main/inbox/*-j1.md; do sleep 0.02; done 2>&-"
    server = serve(by_step(reply(job), reply(call("bash", command=told)), reply("done")))
    assert desk.run("-p", "go").stdout == "done\n"
    started, _ = desk.results()
    assert "job j1 runs in the background" in started
    (message,) = desk.bodies(Message)
    assert (message.sender, message.file) == ("j1", "0001-j1.md")
    assert "exit code 4" in message.text
    assert "result of it" in message.text
    assert '<message from="j1">' in newest_text(server.requests[-1].body)
    assert desk.findings() == []


def test_a_job_ends_with_the_run_and_the_next_one_is_told(desk: Desk, serve: Serve, nap: str) -> None:
    job = call("bash", command=f"sleep {nap}", background=True)
    server = serve(by_step(reply(job), reply("left it"), reply("I see")))
    assert desk.run("-p", "go").stdout == "left it\n"
    until(lambda: alive(nap) == [])
    assert desk.run("-c", "-p", "is it running?").stdout == "I see\n"
    assert "background job ended when fork was stopped" in newest_text(server.requests[-1].body)
    assert len(desk.bodies(Message)) == 1


def test_a_job_lost_by_a_kill_is_told_once_on_resume_and_its_number_is_not_given_again(
    desk: Desk, serve: Serve, nap: str
) -> None:
    job = call("bash", command=f"sleep {nap}", background=True)
    again = call("bash", command=f"sleep {nap}", background=True)
    held = [True]

    def script(request: Json) -> Reply:
        steps = [reply(job), Reply([say("waited")], delay_s=60 if held else 0), reply(again), reply("done")]
        return by_step(*steps)(request)

    serve(script)
    running = desk.start("-p", "go")
    until(lambda: desk.results() and alive(nap))
    held.clear()
    running.kill()
    running.wait()
    until(lambda: alive(nap) == [])
    assert desk.run("-c", "-p").code == 0
    assert [body.job for body in desk.bodies(Message)] == ["j1"]
    assert desk.run("-c", "-p", "start it again").stdout == "done\n"
    assert "job j2" in desk.results()[-1]


def test_a_job_is_stopped_by_its_id_and_no_message_follows(desk: Desk, serve: Serve, nap: str) -> None:
    steps = [
        reply(call("bash", command=f"echo begun; sleep {nap}", background=True)),
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
    until(lambda: alive(nap) == [])
    assert desk.bodies(Message) == []


def test_a_server_in_the_background_answers_the_next_command(desk: Desk, serve: Serve) -> None:
    server = "python3 -m http.server 8765 --bind 127.0.0.1"
    ask = "for i in $(seq 300); do curl -sf http://127.0.0.1:8765/README.md && exit; sleep 0.1; done; exit 9"
    steps = [
        reply(call("bash", command=server, background=True)),
        reply(call("bash", command=ask)),
        reply("served"),
    ]
    serve(by_step(*steps))
    assert desk.run("-p", "go").stdout == "served\n"
    assert "# A project" in desk.results()[1]
